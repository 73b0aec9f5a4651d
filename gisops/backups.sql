-- name: archiving
-- Whether the server can hand its WAL over, by which command, and what it could not hand over last.
SELECT current_setting('archive_mode') AS mode, current_setting('archive_command') AS command, current_setting('fsync')::boolean AS synced,
       (SELECT system_identifier FROM pg_control_system())::text AS identifier,
       a.last_archived_time, a.last_failed_wal, a.last_failed_time
FROM pg_stat_archiver a;

-- name: progress
-- How far the base backup is that runs now, in bytes.
SELECT backup_streamed AS done, coalesce(backup_total, 0) AS total FROM pg_stat_progress_basebackup;

-- name: turn_over
-- Begin a new segment of WAL, so that the one written to is handed over; its name, and the clock.
SELECT pg_walfile_name(pg_switch_wal()) AS name, clock_timestamp() AS at;

-- name: restored_at
-- The last commit a restore brought back, and the timeline it began.
SELECT pg_last_xact_replay_timestamp() AS at, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int AS timeline;

-- name: new_life
-- What must not go on as if nothing had been: event ids get an epoch no earlier life had (timelines only go up); numbers that may have been
-- told to somebody after the restored moment are left out, reckoned from as long a time before it; sign-ins ended since may not come back.
WITH an_epoch AS (
  UPDATE relay_state SET epoch = greatest(epoch + 1, %(timeline)s) RETURNING epoch
), later_numbers AS (
  UPDATE number_blocks b
  SET next_serial = next_serial + 1000 + 2 * (
    SELECT count(*) FROM cases c WHERE c.district_code = b.district_code AND c.reported_at > %(at)s::timestamptz - (now() - %(at)s::timestamptz))
  WHERE b.district_code IS NOT NULL
), no_sign_ins AS (
  UPDATE sessions SET revoked_at = now() WHERE revoked_at IS NULL
)
SELECT epoch FROM an_epoch;
