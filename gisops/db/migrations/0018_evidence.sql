-- Photographs: what is known of each (the files lie outside the database, by the hash of what was sent), and which case each stands for.

CREATE TABLE photos (
  sha256 text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  mime text NOT NULL CHECK (mime IN ('image/jpeg', 'image/png', 'image/webp')),
  bytes int NOT NULL CHECK (bytes > 0),
  width int NOT NULL CHECK (width > 0),
  height int NOT NULL CHECK (height > 0),
  phash bigint,
  bands int[] NOT NULL DEFAULT '{}',
  copies text[] NOT NULL CHECK (cardinality(copies) = 3),
  stored_at timestamptz NOT NULL,
  account_id int REFERENCES accounts,
  taken_at timestamp,
  exif_geom geometry(Point, 4326),
  exif jsonb NOT NULL DEFAULT '{}'
);
-- Usage: pictures that look like a new one: two whose hashes differ in four bits at most share one of five bands (gisops/pictures.py).
CREATE INDEX photos_bands ON photos USING gin (bands);
-- Usage: pictures that were sent in and never used, oldest first.
CREATE INDEX photos_stored ON photos (stored_at);
COMMENT ON TABLE photos IS 'local: Photographs that were sent in; the files lie outside the database, named by their hash.';
COMMENT ON COLUMN photos.sha256 IS 'work: SHA-256 of the file as it was sent.';
COMMENT ON COLUMN photos.mime IS 'work: What it is, by decoding it.';
COMMENT ON COLUMN photos.bytes IS 'work: Size of the file as it was sent.';
COMMENT ON COLUMN photos.width IS 'work: Pixels across, upright.';
COMMENT ON COLUMN photos.height IS 'work: Pixels down, upright.';
COMMENT ON COLUMN photos.phash IS 'work: What it looks like, in 64 bits; null for one that shows nothing.';
COMMENT ON COLUMN photos.bands IS 'work: The same in five numbers, by which similar ones are found.';
COMMENT ON COLUMN photos.copies IS 'work: SHA-256 of the copies that are shown: view, large, small.';
COMMENT ON COLUMN photos.stored_at IS 'work: When it was sent in.';
COMMENT ON COLUMN photos.account_id IS 'personal: Who sent it in, when signed in.';
COMMENT ON COLUMN photos.taken_at IS 'personal: When it was taken, as the file itself says: the local time of a clock that nobody checked.';
COMMENT ON COLUMN photos.exif_geom IS 'personal: Where it was taken, as the file itself says, WGS-84. Kept apart, and never relied on.';
COMMENT ON COLUMN photos.exif IS 'personal: What else the file says of itself: camera and program.';

CREATE TABLE report_photos (
  district_code text NOT NULL,
  report_id uuid NOT NULL,
  n smallint NOT NULL,
  sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  added_at timestamptz NOT NULL,
  PRIMARY KEY (district_code, report_id, n),
  FOREIGN KEY (district_code, report_id) REFERENCES reports
);
-- Usage: the reports that a photograph came with: who may look at it, and whether it was used before.
CREATE INDEX report_photos_picture ON report_photos (sha256);
COMMENT ON TABLE report_photos IS 'district: Photographs that reports came with. They go wherever their report goes.';
COMMENT ON COLUMN report_photos.district_code IS 'work: Home district.';
COMMENT ON COLUMN report_photos.report_id IS 'work: Which report.';
COMMENT ON COLUMN report_photos.n IS 'work: Its place among those of the report, from 0.';
COMMENT ON COLUMN report_photos.sha256 IS 'work: Which photograph.';
COMMENT ON COLUMN report_photos.added_at IS 'work: When the report was received.';

CREATE TABLE case_photos (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  seq int NOT NULL,
  n smallint NOT NULL,
  sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  phase text NOT NULL CHECK (phase IN ('verify', 'before', 'after', 'check')),
  captured_at timestamptz,
  geom geometry(Point, 4326),
  accuracy_m real CHECK (accuracy_m >= 0),
  account_id int REFERENCES accounts,
  added_at timestamptz NOT NULL,
  PRIMARY KEY (district_code, case_id, seq, n),
  FOREIGN KEY (district_code, case_id) REFERENCES cases
);
-- Usage: for which cases a photograph stands: who may look at it, and whether it was used before.
CREATE INDEX case_photos_picture ON case_photos (sha256);
COMMENT ON TABLE case_photos IS 'district: Photographs that came with the moves of a case: that it is so, that it is done.';
COMMENT ON COLUMN case_photos.district_code IS 'work: Home district.';
COMMENT ON COLUMN case_photos.case_id IS 'work: Which case.';
COMMENT ON COLUMN case_photos.seq IS 'work: With which of its moves it came.';
COMMENT ON COLUMN case_photos.n IS 'work: Its place among those of the move, from 0.';
COMMENT ON COLUMN case_photos.sha256 IS 'work: Which photograph.';
COMMENT ON COLUMN case_photos.phase IS 'work: What it shows: verify, before, after, check.';
COMMENT ON COLUMN case_photos.captured_at IS 'work: When it was taken, as the device says.';
COMMENT ON COLUMN case_photos.geom IS 'personal: Where it was taken, as the device says, WGS-84: where somebody was.';
COMMENT ON COLUMN case_photos.accuracy_m IS 'work: Radius of that position''s error, metres.';
COMMENT ON COLUMN case_photos.account_id IS 'personal: Who added it.';
COMMENT ON COLUMN case_photos.added_at IS 'work: When it was added to the case.';
