-- Cases that come to an end: when they were handled, when they were over; and a map that holds the open ones alone.

ALTER TABLE cases ADD COLUMN handled_at timestamptz, ADD COLUMN closed_at timestamptz;
COMMENT ON COLUMN cases.handled_at IS 'work: When its handler last said that it was done; null again after a failed check.';
COMMENT ON COLUMN cases.closed_at IS 'work: When it was over: closed, joined with another, or not taken up; null while it is open.';

-- The layer shows open cases. A city has a hundred closed ones for each of them, which would only make its tiles and every move slower.
DROP INDEX cases_geom_3857;
-- Usage: layer cases as tiles.
CREATE INDEX cases_open_geom_3857 ON cases USING gist (geom_3857) WHERE stage < 7;
-- Usage: dispatch (the name of the part that decided), as places_place is for places.
CREATE INDEX parts_part ON parts (part_id);
