-- name: decide
-- Dispatch the inputs, with the names of everything that an answer mentions. One round trip.
SELECT d.*,
       o.code AS organisation_code, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
       z.code AS zone_code, zs.code AS zone_set_code, z.name_zh AS zone_zh, z.name_en AS zone_en, z.kind AS zone_kind,
       least(upper(z.valid), upper(zs.valid)) AS zone_until,
       p.code AS part_code, p.name_zh AS part_zh, home_part.part_id AS home_part_id,
       pc.scheme AS part_scheme, pc.code AS part_category_code, pc.name_zh AS part_category_zh, pc.name_en AS part_category_en,
       pl.code AS place_code, pl.name_zh AS place_zh, home_place.place_id AS home_place_id,
       r.code AS rule_code, r.note AS rule_note, co.code AS co_ownership_code, co.name_zh AS co_ownership_zh,
       h.code AS handler_code, h.name AS handler_name, h.post_zh AS handler_post_zh, h.post_en AS handler_post_en,
       su.code AS superior_code, su.name AS superior_name, su.post_zh AS superior_post_zh, su.post_en AS superior_post_en,
       duty.ends_at AS duty_until
FROM dispatch(%(n)s::int[], %(lon)s::float8[], %(lat)s::float8[], %(accuracy_m)s::float8[], %(category_id)s::int[],
              %(part_code)s::text[], %(place_id)s::uuid[], %(at)s::timestamptz[], %(staff_facts)s::jsonb[]) d
LEFT JOIN organisations o ON o.organisation_id = d.organisation_id
LEFT JOIN zones z ON z.zone_id = d.zone_id
LEFT JOIN zone_sets zs ON zs.zone_set_id = z.zone_set_id
LEFT JOIN LATERAL (SELECT q.code, q.name_zh FROM parts q WHERE q.part_id = d.part_id AND d.part_id IS NOT NULL LIMIT 1) p ON true
LEFT JOIN parts home_part ON home_part.district_code = d.district_code AND home_part.part_id = d.part_id
LEFT JOIN categories pc ON pc.category_id = d.part_category_id
LEFT JOIN LATERAL (SELECT q.code, q.name_zh FROM places q WHERE q.place_id = d.place_id LIMIT 1) pl ON true
LEFT JOIN places home_place ON home_place.district_code = d.district_code AND home_place.place_id = d.place_id
LEFT JOIN dispatch_rules r ON r.dispatch_rule_id = d.rule_id
LEFT JOIN co_ownership_areas co ON co.co_ownership_area_id = d.co_ownership_area_id
LEFT JOIN staff h ON h.staff_id = d.handler_id
LEFT JOIN staff su ON su.staff_id = d.superior_id
LEFT JOIN LATERAL turn_at(d.district_code, d.handler_id, d.at) duty ON true
ORDER BY d.n;
