-- Households under poverty relief: personal from the first column to the last, the point included.
CREATE OR REPLACE VIEW layer_poverty_relief AS
SELECT h.code, h.householder, h.phone, h.persons, h.cause_zh, h.measure_zh, h.helper_post_zh, h.geom, h.geom_3857,
  h.unit_id AS scope_unit
FROM relief_households AS h;
