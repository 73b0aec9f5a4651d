-- What is counted of the life of cases, and the bulletin of a month that is made of it and never changes afterwards.

CREATE TABLE bulletins (
  period text NOT NULL CHECK (period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
  version smallint NOT NULL CHECK (version > 0),
  published_at timestamptz NOT NULL,
  facts jsonb NOT NULL,
  html text NOT NULL,
  sha256 bytea NOT NULL,
  PRIMARY KEY (period, version)
);
COMMENT ON TABLE bulletins IS 'reference: The bulletin of a month, as it was published. Rows are added, never changed; what is corrected is a new version.';
COMMENT ON COLUMN bulletins.period IS 'work: The month, as 2026-10.';
COMMENT ON COLUMN bulletins.version IS 'work: 1, 2, 3 ... of the month; the last one holds.';
COMMENT ON COLUMN bulletins.published_at IS 'work: When it was made.';
COMMENT ON COLUMN bulletins.facts IS 'work: Every number in it, with numerator and denominator; no person is named.';
COMMENT ON COLUMN bulletins.html IS 'work: The page itself; what is printed is printed from it.';
COMMENT ON COLUMN bulletins.sha256 IS 'work: SHA-256 of the page, so that two copies can be compared.';

-- Usage: a case that was done again (indicators: rework).
CREATE INDEX cases_rework_of ON cases (recurrence_of) WHERE is_rework;
-- Usage: indicators (the reports of a period); they come in the order of time.
CREATE INDEX reports_received ON reports USING brin (received_at);
-- Usage: indicators (the cases that a period can count: what was over before it began, and due before, is passed over without being read).
CREATE INDEX cases_counted_until ON cases ((CASE WHEN stage < 7 THEN 'infinity'::timestamptz ELSE greatest(closed_at, deadline, reported_at) END), reported_at);
