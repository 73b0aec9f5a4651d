-- name: lease
-- Take a block of serials; the row is locked only for this one statement.
INSERT INTO number_blocks AS b (district_code, year, next_serial)
VALUES (%(district_code)s, %(year)s, 1 + %(size)s)
ON CONFLICT (district_code, year) DO UPDATE SET next_serial = b.next_serial + %(size)s
RETURNING next_serial - %(size)s AS first;
