-- Telling, and its safety: nobody is told by a row that he cannot read, what is addressed to somebody goes past everybody else, and what was read is
-- forgotten in its time.

-- A reporter without an account follows his report by its key, where every move of the case stands with its moment; rows for him were read by nobody.
DELETE FROM notices WHERE report_id IS NOT NULL AND reporter_id IS NULL;
ALTER TABLE notices ADD CONSTRAINT notices_reporter CHECK ((report_id IS NULL) = (reporter_id IS NULL));
COMMENT ON COLUMN notices.recipient IS 'work: Who was told, as one word: staff:1, account:1, organisation:1, reporter:1 (an account), webhook:1.';
COMMENT ON COLUMN notices.report_id IS 'work: By the report that he sent, the first of those that he sent of the case.';
COMMENT ON COLUMN notices.reporter_id IS 'personal: The account he was signed in with.';
-- Usage: who reported a case while signed in, however many others did.
CREATE INDEX reports_by_account ON reports (district_code, case_id, account_id) WHERE account_id IS NOT NULL;
-- Usage: a case's reports in the order in which they came, a page at a time, and how lately the last but so many of them did.
CREATE INDEX reports_of_case ON reports (district_code, case_id, report_id);
DROP INDEX reports_case;
-- Usage: the worker forgets notices that were read long ago.
CREATE INDEX notices_read ON notices (read_at) WHERE read_at IS NOT NULL;

-- An event that is for one recipient: he is told that there is news for him, and nobody else that there was an event.
ALTER TABLE outbox ADD COLUMN recipient text CHECK (recipient ~ '^(staff|account|organisation):[0-9]+$');
COMMENT ON COLUMN outbox.recipient IS 'work: Whom alone it is for: staff:1, account:1, organisation:1; null for what is told by scope.';

-- What a reporter said a second time changed nothing, and its text was kept all the same.
DELETE FROM case_texts t
WHERE t.kind = 'follow_up'
  AND NOT EXISTS (SELECT FROM follow_ups f WHERE f.district_code = t.district_code AND f.case_id = t.case_id AND f.text_id = t.text_id);

-- A thousand people who pass one hole in an hour are a number, not a thousand rows.
ALTER TABLE cases ADD COLUMN crowd_count int NOT NULL DEFAULT 0;
COMMENT ON COLUMN cases.crowd_count IS 'work: How many reports without a sign-in were counted alone, because the case had its fill of them within the hour.';

-- Whoever sends photographs without a sign-in and never names them would fill the disk: so much of each address's lies here until it is named, and so
-- much of everybody's. What was sent before this counts for nobody, and goes within its week.
ALTER TABLE photos ADD COLUMN sender text;
COMMENT ON COLUMN photos.sender IS 'personal: Digest of the address it was sent from without a sign-in, until a report names it.';
ALTER TABLE photos ADD COLUMN room_bytes bigint CHECK (room_bytes > 0);
COMMENT ON COLUMN photos.room_bytes IS 'work: What it takes with its copies where it lies, 65536 at least; null for what was sent before this was kept.';
ALTER TABLE photos ADD COLUMN kept_for interval NOT NULL DEFAULT '7 days' CHECK (kept_for > '0');
COMMENT ON COLUMN photos.kept_for IS 'work: How long after stored_at it is let go of if nobody used it: a week, a day without a sign-in.';
-- Usage: how much of an address's lies here unnamed, and of all together.
CREATE INDEX photos_unnamed ON photos (sender) INCLUDE (room_bytes) WHERE sender IS NOT NULL;
