-- Counting at full size.

-- Usage: indicators (who patrols the ground of a case): of a score of zones over a point one or two are duty zones.
CREATE INDEX zones_duty ON zones USING gist (geom) WHERE kind = 'duty';
-- Usage: indicators (what was over, but is due in a period by its organisation's own clock).
CREATE INDEX case_clocks_handling ON case_clocks (deadline) WHERE step IN ('handle', 'stop', 'penalise', 'restore');
