-- Water bodies. The river chief is shown as a post; the table holds no name.
CREATE OR REPLACE VIEW layer_rivers AS
SELECT r.code, nullif(r.name_zh, '') AS name_zh, nullif(r.name_en, '') AS name_en, r.class, r.chief_post_zh,
  o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
  r.geom, r.geom_3857
FROM rivers AS r
LEFT JOIN organisations AS o USING (organisation_id);
