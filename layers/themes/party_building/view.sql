-- Party-building sites. Members, contact and telephone are personal: the catalogue hands them out by role.
CREATE OR REPLACE VIEW layer_party_building AS
SELECT p.code, p.name_zh, nullif(p.name_en, '') AS name_en, p.kind,
  o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
  p.members, p.contact_person, p.phone, p.geom, p.geom_3857,
  p.unit_id AS scope_unit
FROM party_sites AS p
LEFT JOIN organisations AS o USING (organisation_id);
