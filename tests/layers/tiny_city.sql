-- A city of a few rows; see tiny_city.py.
INSERT INTO city (code, name_zh, name_en, geom, metric_srid, category_scheme, grid_code_scheme)
VALUES ('460199', '样例区', 'Sample District', ST_Multi(ST_MakeEnvelope(110.30, 20.00, 110.40, 20.06, 4326)), 4546, 'S', 'S');
INSERT INTO organisations (organisation_id, code, name_zh, name_en, kind) VALUES
  (1, 'ORG1', '样例街道办', 'Sample street office', 'street'), (2, 'ORG2', '样例水务', 'Sample water company', 'enterprise');
INSERT INTO staff (staff_id, code, name, phone, organisation_id, post_zh, post_en, role) VALUES
  (1, 'S-01', '样例网格员01', '000-0000-0001', 1, '网格员', 'Grid officer', 'officer'),
  (2, 'S-02', '样例网格员02', '000-0000-0002', 1, '网格员', 'Grid officer', 'officer');
INSERT INTO admin_areas (level, code, name_zh, name_en, organisation_id, geom, valid) VALUES
  (2, '460199', '样例区', 'Sample District', 1, ST_Multi(ST_MakeEnvelope(110.30, 20.00, 110.40, 20.06, 4326)), '[2000-01-01,)'),
  (3, '460199001', '样例街道', 'Sample street', 1, ST_Multi(ST_MakeEnvelope(110.30, 20.00, 110.35, 20.06, 4326)), '[2000-01-01,)'),
  (3, '460199009', '旧街道', 'Former street', 1, ST_Multi(ST_MakeEnvelope(110.30, 20.00, 110.35, 20.06, 4326)), '[2000-01-01,2010-01-01)');
INSERT INTO grid_cells (code, code_scheme, district, street_code, community_code, geom, valid) VALUES
  ('460199001001001', 'S', '460199', '460199001', '460199001001', ST_MakeEnvelope(110.34, 20.02, 110.35, 20.03, 4326), '[2000-01-01,)'),
  ('460199001001002', 'S', '460199', '460199001', '460199001001', ST_MakeEnvelope(110.35, 20.02, 110.36, 20.03, 4326), '[2000-01-01,)'),
  ('460199001001009', 'S', '460199', '460199001', '460199001001', ST_MakeEnvelope(110.34, 20.02, 110.36, 20.03, 4326), '[2000-01-01,2010-01-01)');
INSERT INTO zone_sets (zone_set_id, code, name_zh, name_en, purpose, status, valid) VALUES
  (1, 'SET1', '现行', 'In force', 'duty', 'published', '[2000-01-01,)'),
  (2, 'SET2', '草案', 'Draft', 'duty', 'draft', 'empty');
INSERT INTO zones (zone_id, zone_set_id, code, name_zh, name_en, kind, organisation_id, scope, priority, geom, valid) VALUES
  -- A frame: what is in its hole is not its own, and its label must not stand in the hole.
  (1, 1, 'Z-01', '环形责任区', 'Ring zone', 'duty', 1, '{"S:E"}', 50, ST_Multi(ST_Difference(
    ST_MakeEnvelope(110.33, 20.01, 110.37, 20.05, 4326), ST_MakeEnvelope(110.34, 20.02, 110.36, 20.04, 4326))), '[2000-01-01,)'),
  (2, 1, 'Z-02', '旧责任区', 'Ended zone', 'duty', 1, '{}', 50, ST_Multi(ST_MakeEnvelope(110.33, 20.01, 110.37, 20.05, 4326)), '[2000-01-01,2010-01-01)'),
  (3, 2, 'Z-03', '草案责任区', 'Draft zone', 'duty', 1, '{}', 50, ST_Multi(ST_MakeEnvelope(110.33, 20.01, 110.37, 20.05, 4326)), '[2000-01-01,)');
INSERT INTO categories (category_id, scheme, kind, major, minor, name_zh, name_en, certainty) VALUES
  (1, 'S', 'P', '01', '01', '样例井盖', 'Sample cover', 'P'), (2, 'S', 'E', '04', '05', '样例事件', 'Sample event', 'P');
INSERT INTO parts (district_code, part_id, code, code_scheme, category_id, name_zh, owner_organisation_id, maintainer_organisation_id, state, geom, valid) VALUES
  ('460199', gen_random_uuid(), '4601990101000001', 'S', 1, '井盖1', 2, 2, 'intact', ST_Point(110.345, 20.025, 4326), '[2000-01-01,)'),
  ('460199', gen_random_uuid(), '4601990101000002', 'S', 1, '井盖2', 2, 2, 'damaged', ST_Point(110.3451, 20.0251, 4326), '[2000-01-01,)'),
  ('460199', gen_random_uuid(), '4601990101000003', 'S', 1, '护栏', 2, 2, 'intact', ST_MakeLine(ST_Point(110.345, 20.026, 4326), ST_Point(110.355, 20.026, 4326)), '[2000-01-01,)'),
  ('460199', gen_random_uuid(), '4601990101000008', 'S', 1, '已拆除', 2, 2, 'removed', ST_Point(110.345, 20.025, 4326), '[2000-01-01,)'),
  ('460199', gen_random_uuid(), '4601990101000009', 'S', 1, '旧记录', 2, 2, 'intact', ST_Point(110.345, 20.025, 4326), '[2000-01-01,2010-01-01)');
INSERT INTO places (district_code, place_id, code, kind, name_zh, address_zh, organisation_id, responsible_person, phone, geom) VALUES
  ('460199', gen_random_uuid(), 'PL-01', 'shop', '样例商店', '样例路1号', 1, '甲', '000', ST_Point(110.346, 20.025, 4326));
INSERT INTO roads (code, name_zh, name_en, class, geom) VALUES
  ('R-01', '样例大道', 'Sample Avenue', 'primary', ST_Multi(ST_MakeLine(ST_Point(110.33, 20.024, 4326), ST_Point(110.37, 20.024, 4326)))),
  ('R-02', '', '', 'footway', ST_Multi(ST_MakeLine(ST_Point(110.33, 20.0245, 4326), ST_Point(110.37, 20.0245, 4326))));
INSERT INTO rivers (code, name_zh, name_en, class, chief_post_zh, organisation_id, geom) VALUES
  ('W-01', '样例河', 'Sample River', 'river', '区级河长', 2, ST_Multi(ST_MakeEnvelope(110.30, 20.045, 110.40, 20.047, 4326)));
INSERT INTO buildings (code, name_zh, use, floors, height_m, households, residents, geom) VALUES
  ('B-01', '样例楼', 'residential', 6, 18, 24, 60, ST_Multi(ST_MakeEnvelope(110.3452, 20.0252, 110.3456, 20.0254, 4326)));
INSERT INTO party_sites (code, name_zh, kind, organisation_id, members, contact_person, phone, geom) VALUES
  ('PB-01', '样例党群中心', 'service_centre', 1, 12, '乙', '000', ST_Point(110.347, 20.025, 4326));
INSERT INTO flood_points (code, name_zh, kind, risk, organisation_id, duty_post_zh, geom) VALUES
  ('F-01', '样例易涝点', 'waterlogging', 'high', 2, '值守岗', ST_Point(110.348, 20.025, 4326));
INSERT INTO relief_households (district_code, household_id, code, householder, phone, persons, cause_zh, measure_zh, helper_post_zh, geom) VALUES
  ('460199', gen_random_uuid(), 'H-01', '丙', '000', 3, '因病', '医疗', '驻村干部', ST_Point(110.349, 20.025, 4326));
INSERT INTO green_areas (code, name_zh, class, organisation_id, geom) VALUES
  ('G-01', '样例公园', 'park', 1, ST_Multi(ST_MakeEnvelope(110.334, 20.0265, 110.337, 20.029, 4326)));
INSERT INTO pipes (code, medium, diameter_mm, depth_m, material, owner_organisation_id, laid_year, geom) VALUES
  ('P-01', 'sewage', 600, 2.4, '混凝土', 2, 2008, ST_Multi(ST_MakeLine(ST_Point(110.33, 20.0241, 4326), ST_Point(110.37, 20.0241, 4326))));
INSERT INTO cameras (code, name_zh, organisation_id, heading_deg, view_deg, range_m, sector, geom) VALUES
  ('C-01', '样例路口01', 1, 90, 60, 80, ST_MakePolygon(ST_MakeLine(ARRAY[ST_Point(110.3472, 20.0252, 4326), ST_Point(110.3479, 20.0249, 4326),
    ST_Point(110.3479, 20.0255, 4326), ST_Point(110.3472, 20.0252, 4326)])), ST_Point(110.3472, 20.0252, 4326));
INSERT INTO sensors (district_code, sensor_id, code, kind, name_zh, unit, organisation_id, last_value, last_at, geom) VALUES
  ('460199', gen_random_uuid(), 'SE-01', 'water_level', '样例水位计01', 'm', 2, 1.4, '2026-03-01 00:00+00', ST_Point(110.3481, 20.0251, 4326));
INSERT INTO vehicles (district_code, vehicle_id, code, plate, kind, name_zh, organisation_id, captured_at, heading_deg, speed_kmh, geom) VALUES
  ('460199', gen_random_uuid(), 'V-01', '样A0001', 'sweeper', '样例清扫车01', 2, '2026-03-01 00:00+00', 90, 12, ST_Point(110.3483, 20.0251, 4326)),
  ('460199', gen_random_uuid(), 'V-02', '样A0002', 'patrol', '样例巡查车02', 1, NULL, NULL, NULL, NULL);
INSERT INTO last_positions (district_code, staff_id, captured_at, accuracy_m, geom) VALUES
  ('460199', 1, '2026-03-01 00:00+00', 12, ST_Point(110.3475, 20.0255, 4326)),
  ('460199', 2, '2026-03-01 00:00+00', 12, ST_Point(110.3476, 20.0255, 4326));
INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom, zone_id, organisation_id, handler_id, reported_at) VALUES
  ('460199', gen_random_uuid(), '460199-2026-000001', 2, 'dispatched', 4, 'urgent', ST_Point(110.3477, 20.0256, 4326), 1, 1, 1, '2026-03-01 00:00+00'),
  ('460199', gen_random_uuid(), '460199-2026-000002', 2, 'closed', 7, 'normal', ST_Point(110.3478, 20.0256, 4326), 1, 1, 1, '2026-03-01 00:00+00');
INSERT INTO layer_versions (layer)
SELECT unnest(ARRAY['admin_areas', 'green_areas', 'rivers', 'roads', 'buildings', 'grid_cells', 'zones', 'fixtures', 'places', 'flood_control',
  'party_building', 'poverty_relief', 'pipes', 'cameras', 'camera_views']);
SELECT settle_units();
