-- Counting at full size.

-- Usage: indicators (who patrols the ground of a case): of a score of zones over a point one or two are duty zones.
CREATE INDEX zones_duty ON zones USING gist (geom) WHERE kind = 'duty';
-- Usage: indicators (what was over, but is due in a period by its organisation's own clock).
CREATE INDEX case_clocks_handled_early ON case_clocks USING gist (tstzrange(stopped_at, deadline, '[]'))
  WHERE step IN ('handle', 'stop', 'penalise', 'restore') AND stopped_at < deadline;

-- What counting reads of a case that is over: gathered once from its history and its clocks, instead of each time anew.
CREATE TABLE case_outcomes (
  district_code text NOT NULL,
  case_id uuid NOT NULL,
  version int NOT NULL,
  told_until timestamptz NOT NULL,
  counted_until timestamptz NOT NULL,
  accepted_at timestamptz,
  filed_at timestamptz,
  dispatched_at timestamptz,
  given_at timestamptz,
  finished_at timestamptz,
  closed_at timestamptz,
  last_state text NOT NULL,
  extensions smallint NOT NULL,
  suspensions smallint NOT NULL,
  returns smallint NOT NULL,
  reworks smallint NOT NULL,
  reopenings smallint NOT NULL,
  pushes smallint NOT NULL,
  on_hold_when_due boolean NOT NULL,
  on_hold_when_own_due boolean NOT NULL,
  own_due timestamptz,
  patroller_id int,
  PRIMARY KEY (district_code, case_id),
  FOREIGN KEY (district_code, case_id) REFERENCES cases
);
COMMENT ON TABLE case_outcomes IS 'district: What a case that is over came to, for counting; of one version of the case, and made anew when it has moved.';
COMMENT ON COLUMN case_outcomes.district_code IS 'work: Home district.';
COMMENT ON COLUMN case_outcomes.case_id IS 'work: The case.';
COMMENT ON COLUMN case_outcomes.version IS 'work: The version of the case that it was made of; of another it says nothing.';
COMMENT ON COLUMN case_outcomes.told_until IS 'work: The last moment that is in it: a span that ends before it is counted from the history.';
COMMENT ON COLUMN case_outcomes.counted_until IS 'work: When it was over and due: a span that begins later does not look for it here.';
COMMENT ON COLUMN case_outcomes.accepted_at IS 'work: First accepted or filed.';
COMMENT ON COLUMN case_outcomes.filed_at IS 'work: First filed.';
COMMENT ON COLUMN case_outcomes.dispatched_at IS 'work: First dispatched.';
COMMENT ON COLUMN case_outcomes.given_at IS 'work: Last dispatched to who holds it.';
COMMENT ON COLUMN case_outcomes.finished_at IS 'work: Last said to be done.';
COMMENT ON COLUMN case_outcomes.closed_at IS 'work: Last closed.';
COMMENT ON COLUMN case_outcomes.last_state IS 'work: Where its last move led.';
COMMENT ON COLUMN case_outcomes.extensions IS 'work: How often it was extended.';
COMMENT ON COLUMN case_outcomes.suspensions IS 'work: How often it was put on hold.';
COMMENT ON COLUMN case_outcomes.returns IS 'work: How often an organisation gave it back.';
COMMENT ON COLUMN case_outcomes.reworks IS 'work: How often it had to be done again.';
COMMENT ON COLUMN case_outcomes.reopenings IS 'work: How often it was reopened.';
COMMENT ON COLUMN case_outcomes.pushes IS 'work: How often it went the simple way.';
COMMENT ON COLUMN case_outcomes.on_hold_when_due IS 'work: Whether it was on hold at its deadline.';
COMMENT ON COLUMN case_outcomes.on_hold_when_own_due IS 'work: Whether it was on hold when it was due by the own clock of who holds it.';
COMMENT ON COLUMN case_outcomes.own_due IS 'work: When it was due by the own clock of who holds it.';
COMMENT ON COLUMN case_outcomes.patroller_id IS 'work: Who patrolled its ground when it was reported.';
-- Usage: indicators (the outcomes that a period can count).
CREATE INDEX case_outcomes_counted ON case_outcomes (counted_until);
