-- Events that know who may be told: the unit in which they happened, and whose the case was before and is now; the key under which the live
-- stream seals the positions that it gives out; and the indexes by which somebody finds the cases that are his.

ALTER TABLE outbox
  ADD COLUMN unit_id int, ADD COLUMN handler_id int, ADD COLUMN superior_id int, ADD COLUMN organisation_id int,
  ADD COLUMN was_handler_id int, ADD COLUMN was_superior_id int, ADD COLUMN was_organisation_id int;
COMMENT ON COLUMN outbox.unit_id IS 'work: The smallest unit of the scope tree in which it happened; null where it lies in none.';
COMMENT ON COLUMN outbox.handler_id IS 'work: Who handles the case after it.';
COMMENT ON COLUMN outbox.superior_id IS 'work: Who was told beside the handler.';
COMMENT ON COLUMN outbox.organisation_id IS 'work: Who holds the case after it.';
COMMENT ON COLUMN outbox.was_handler_id IS 'work: Who handled it before.';
COMMENT ON COLUMN outbox.was_superior_id IS 'work: Who was told before.';
COMMENT ON COLUMN outbox.was_organisation_id IS 'work: Who held it before.';

-- What happened in the last week may still be asked for by who comes back; who holds the case now is told, and nobody that it is gone.
UPDATE outbox o
SET unit_id = c.unit_id, handler_id = c.handler_id, superior_id = c.superior_id, organisation_id = c.organisation_id
FROM cases c
WHERE c.district_code = o.district_code AND c.case_no = o.case_no;

-- gen_random_uuid() is the server's strong random; two of them hold 244 bits of it, and their digest is as long as a key is.
ALTER TABLE relay_state ADD COLUMN live_key bytea;
UPDATE relay_state SET live_key = sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
ALTER TABLE relay_state ALTER COLUMN live_key SET NOT NULL, ADD CHECK (octet_length(live_key) = 32);
COMMENT ON COLUMN relay_state.live_key IS 'secret: Seals the ids of the live stream, which would tell by their gaps how much happens elsewhere.';

-- Who sees few cases of many finds them by what makes them his, newest first, and does not walk through everybody's.
-- Usage: the list of cases of whoever looks into some units.
CREATE INDEX cases_by_unit ON cases (unit_id, case_id);
-- Usage: the list of cases, a handler's own.
CREATE INDEX cases_by_handler ON cases (handler_id, case_id) WHERE handler_id IS NOT NULL;
-- Usage: the list of cases, those somebody was told of beside the handler.
CREATE INDEX cases_by_superior ON cases (superior_id, case_id) WHERE superior_id IS NOT NULL;
-- Usage: the list of cases of an organisation, by whom it is asked for or whose own they are; open ones come first by themselves.
CREATE INDEX cases_by_organisation ON cases (organisation_id, case_id);
DROP INDEX cases_open_by_organisation;
