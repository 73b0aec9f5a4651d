-- Places. The person in charge and their telephone number are personal: the catalogue hands them out by role.
CREATE OR REPLACE VIEW layer_places AS
SELECT p.code, p.kind, p.name_zh, p.address_zh,
  o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
  p.responsible_person, p.phone, p.geom, p.geom_3857,
  p.unit_id AS scope_unit
FROM places AS p
LEFT JOIN organisations AS o USING (organisation_id);
