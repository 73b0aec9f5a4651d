"""What the doors' role may and may not do, as a table: whoever steals a web process's connection gets this and no more.

Each grant is there because a statement needs it. A new one is entered here, with its reason in 90_grants.sql.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import errors

from gisops import cluster_files
from gisops.access import people, scopes
from gisops.db.pool import connect

ALL = "all"
READ_WHOLE = [
    "admin_areas",
    "auto_rule_defaults",
    "calendar_days",
    "categories",
    "category_majors",
    "category_map",
    "city",
    "co_ownership_areas",
    "dispatch_rules",
    "duplicate_rules",
    "escalations",
    "filing_conditions",
    "grid_cells",
    "handbook_entries",
    "layer_versions",
    "migrations",
    "neighbours",
    "organisations",
    "part_scopes",
    "parts",
    "reapplied",
    "rosters",
    "seasons",
    "shifts",
    "stage_limits",
    "time_limits",
    "work_windows",
    "zone_sets",
    "zone_staff",
    "zones",
]

# What is agreed on beside the main line of a case: asked for, then decided.
AGREEMENTS = {
    "approvals": "decided_at decided_by decision_text_id seq state",
    "case_subtasks": "acknowledged_at deadline ended_at ended_by reason_code result_text_id state",
    "disputes": "created_key created_kind decided_at decided_by decided_seq decision effective_from"
    " interim_organisation_id organisation_id",
    "supervision_orders": "answer_text_id answered_at answered_by closed_at state",
    "urgings": "",
    "appeals": "clock_no first_at first_by first_text_id second_at second_by second_text_id seq state",
    "follow_ups": "",
}

# table: act: the columns, or all of them. What is not here is refused.
MAY: dict[str, dict[str, str]] = {
    **{table: {"SELECT": ALL} for table in READ_WHOLE},
    "staff": {"SELECT": "active code max_open name organisation_id post_en post_zh role staff_id"},
    "places": {"SELECT": "code district_code geom kind name_zh organisation_id place_id"},
    # what there is to be listed and drawn; the readers' role reads a city's own layers through their views and windows
    "city_layers": {"SELECT": ALL},
    "loads": {"SELECT": "audit crs load_id published_at state target"},
    "bulletins": {"SELECT": ALL, "INSERT": ALL},
    "case_outcomes": {
        "SELECT": ALL,
        "INSERT": ALL,
        "UPDATE": "accepted_at closed_at counted_until dispatched_at extensions filed_at finished_at given_at"
        " last_state on_hold_when_due on_hold_when_own_due own_due patroller_id pushes reopenings returns reworks"
        " suspensions told_until version",
    },
    "roads": {"SELECT": "code geom name_en name_zh"},
    "cases": {
        "SELECT": ALL,
        "INSERT": ALL,
        "UPDATE": "acknowledged_at ambiguous area_grade assessed category_id closed_at closing_condition_id"
        " community_code crowd_count deadline dispatched_at duplicate_of escalation excluded extended_count filed_at"
        " filing_condition_id flow geom grid_cell_code handled_at handler_id hotline organisation_id part_id priority"
        " recurrence_of report_count return_count rework_count satisfaction severity stage state street_code"
        " superior_id suspended_count timeout_exempt unit_id urged_count version zone_id",
    },
    "case_clocks": {
        "SELECT": ALL,
        "INSERT": ALL,
        "UPDATE": "deadline due_at due_attempts due_error due_kind level outcome paused_at paused_ranges priority"
        " started_at step stopped_at unit value",
    },
    "case_texts": {"INSERT": ALL},
    # set by an administrator, or off by itself; what a rule filed stays, that it was overturned is added
    "auto_rules": {
        "SELECT": ALL,
        "INSERT": ALL,
        "UPDATE": "alone certain changed_at changed_by channels enabled max_overturn min_cases min_confidence"
        " min_photos reason since switched_off_at switched_off_because window_cases window_days",
    },
    "auto_filings": {"SELECT": ALL, "INSERT": ALL, "UPDATE": "overturned_at overturned_by"},
    "reports": {
        "SELECT": "accuracy_m captured_at case_id category_id channel district_code geom part_code photos place_id"
        " raw_crs received_at report_id source_ref text",
        "INSERT": ALL,
    },
    # where a report has been is changed with where it is, by one function
    "report_links": {"INSERT": ALL},
    **{
        table: {"SELECT": ALL, "INSERT": ALL}
        for table in ("case_history", "dispatch_decisions", "case_recipients", "intake_keys")
    },
    # what was written about a case: added, its text erased, never changed otherwise
    "case_messages": {"SELECT": ALL, "INSERT": ALL, "UPDATE": "erased_at text"},
    **{
        table: {"SELECT": ALL, "INSERT": ALL, **({"UPDATE": columns} if columns else {})}
        for table, columns in AGREEMENTS.items()
    },
    # what a file says of itself, who sent it in and where somebody stood with it: written, and read by nobody
    "photos": {
        "SELECT": "bands bytes copies height kept_for mime phash sha256 stored_at width",
        "INSERT": ALL,
        "UPDATE": "kept_for sender",
    },
    "report_photos": {"SELECT": ALL, "INSERT": ALL},
    "case_photos": {
        "SELECT": "accuracy_m added_at captured_at case_id district_code n phase seq sha256",
        "INSERT": ALL,
    },
    "notices": {
        "SELECT": "case_id created_at district_code facts kind notice_id seq webhook_id",
        "INSERT": "case_id cause created_at district_code facts kind notice_id organisation_id recipient seq staff_id",
    },
    "deliveries": {
        "SELECT": ALL,
        "UPDATE": "attempts delivered_at expires_at last_error lease next_try_at refusals state",
        "DELETE": ALL,
    },
    "delivery_lanes": {"SELECT": ALL, "INSERT": ALL, "UPDATE": "active closed_until failures"},
    "webhooks": {"SELECT": "active kinds"},
    "notice_texts": {"SELECT": ALL},
    "number_blocks": {"SELECT": ALL, "INSERT": ALL, "UPDATE": "next_serial"},
    "last_positions": {"SELECT": ALL, "INSERT": ALL, "UPDATE": "accuracy_m captured_at geom unit_id"},
    "positions": {"INSERT": ALL},
    "outbox": {"SELECT": ALL, "INSERT": ALL, "UPDATE": "pos", "DELETE": ALL},
    "relay_state": {"SELECT": ALL, "UPDATE": "last_pos ran_at"},
    "accounts": {"SELECT": "account_id active everywhere login organisation_id role scope_version staff_id"},
    **{table: {"SELECT": ALL} for table in ("account_scopes", "account_units", "scope_units")},
    "audit_seals": {"SELECT": ALL},
    "sessions": {"SELECT": ALL, "INSERT": ALL, "UPDATE": "revoked_at", "DELETE": ALL},
    "devices": {
        "SELECT": ALL,
        "INSERT": ALL,
        "UPDATE": "expires_at revoked_at rotated_at rotation_hash",
        "DELETE": ALL,
    },
    "proofs_seen": {"SELECT": ALL, "INSERT": ALL, "DELETE": ALL},
    "api_keys": {"SELECT": ALL, "UPDATE": "last_used_at"},
    "sign_in_failures": {"SELECT": ALL, "INSERT": ALL, "UPDATE": "failed_at", "DELETE": ALL},
    "rate_buckets": {"SELECT": ALL, "INSERT": ALL, "UPDATE": "filled_at tokens", "DELETE": ALL},
}

# What a request may read for somebody, row by row within his scope. Nothing else, and nothing can be written.
_SEEN: dict[str, dict[str, str]] = {
    **{table: {"SELECT": ALL} for table in [*READ_WHOLE, "scope_units"]},
    "staff": MAY["staff"],
    "places": MAY["places"],
    **{
        table: {"SELECT": ALL}
        for table in ("cases", "case_history", "dispatch_decisions", "case_recipients", "case_clocks")
    },
    "case_texts": {"SELECT": "at case_id district_code kind seq text text_id"},
    "reports": {
        "SELECT": "accuracy_m captured_at case_id channel district_code geom part_code photos raw_crs"
        " received_at report_id text"
    },
    "photos": {"SELECT": "bytes copies height mime sha256 stored_at width"},
    **{table: {"SELECT": MAY[table]["SELECT"]} for table in ("report_photos", "case_photos")},
    "last_positions": {"SELECT": ALL},
    **{table: {"SELECT": ALL} for table in AGREEMENTS},
}
READER = {
    **_SEEN,
    "case_outcomes": {"SELECT": ALL},
    "accounts": MAY["accounts"],
    **{table: {"SELECT": ALL} for table in ("case_messages", "notice_texts")},
    "bulletins": {"SELECT": ALL},
    "roads": MAY["roads"],
    "auto_filings": {"SELECT": ALL},
    "auto_rules": {
        "SELECT": "alone certain changed_at channels code district_code enabled max_overturn min_cases min_confidence"
        " min_photos reason scheme since switched_off_at switched_off_because window_cases window_days"
    },
}
# What functions that carry the scope in their own text are made of.
WINDOWS = {
    **_SEEN,
    "account_units": {"SELECT": ALL},
    # by a report's key: what its sender was told then, and whether somebody was signed in
    "intake_keys": {"SELECT": "answer answered_at case_id client_uid district_code report_id"},
    "reports": {
        "SELECT": "account_id accuracy_m captured_at case_id category_id channel district_code geom part_code photos"
        " raw_crs received_at report_id source_ref text"
    },
}

# Personal or secret, and out of reach: not by any grant, however the statement is put.
OUT_OF_REACH = {
    "every password's hash": "SELECT password_hash FROM accounts",
    "an account by way of its row": "SELECT a FROM accounts a",
    "telephone numbers of staff": "SELECT phone FROM staff",
    "who answers for a shop": "SELECT responsible_person FROM places",
    "the relief register's table": "SELECT householder FROM relief_households",
    "the table of party sites": "SELECT phone FROM party_sites",
    "who reported": "SELECT account_id FROM reports",
    "a reporter's key": "SELECT client_uid FROM reports",
    "who was told as a reporter": "SELECT reporter_id FROM notices",
    "e-mail addresses of staff": "SELECT mail FROM staff",
    "a notice of its own making": "INSERT INTO notices SELECT * FROM notices",
    "a notice taken back": "DELETE FROM notices",
    "what another system's messages are signed with": "SELECT secret FROM webhooks",
    "where another system listens": "SELECT url FROM webhooks",
    "a webhook by way of its row": "SELECT w FROM webhooks w",
    "another system that listens": "UPDATE webhooks SET url = 'https://elsewhere.example'",
    "who sent a photograph in": "SELECT account_id FROM photos",
    "from where a photograph was sent in": "SELECT sender FROM photos",
    "where a photograph says it was taken": "SELECT exif_geom FROM photos",
    "where somebody stood with a photograph": "SELECT geom FROM case_photos",
    "a photograph's facts changed": "UPDATE photos SET phash = 0",
    "evidence taken back": "DELETE FROM case_photos",
    "the salt of a text": "SELECT text_salt FROM reports",
    "where officers walked": "SELECT staff_id FROM positions",
    "a month of history by its own name": "SELECT * FROM case_history_rest",
    "a row slipped into a month": "INSERT INTO positions_rest SELECT * FROM positions_rest",
    "months of the past": "SELECT ensure_partitions('2001-01-01', '2001-02-01')",
    "what others looked at": "SELECT * FROM audit",
    "an entry of its own making": "INSERT INTO audit SELECT * FROM audit",
    "an entry taken back": "DELETE FROM audit",
    "a seal of its own": "UPDATE audit_seals SET digest = ''",
    "the audit, past the reader's rights": "SELECT * FROM audit_page(NULL, NULL, NULL, NULL, NULL, NULL, 1)",
    "an audit that is forgotten": "SELECT audit_forget('2000-01-01')",
    "a longer sign-in": "UPDATE sessions SET expires_at = 'infinity'",
    "somebody else's sign-in": "UPDATE sessions SET account_id = 1",
    "a phone's sign-in for another phone": "UPDATE devices SET jwk = '{}'",
    "a key of its own": "INSERT INTO api_keys (token_hash, account_id, label, scopes, created_at, expires_at)"
    " VALUES ('', 1, 'mine', '{admin}', now(), 'infinity')",
    "a key that was ended": "UPDATE api_keys SET revoked_at = NULL",
    "who is who at the identity provider": "SELECT oidc_subject FROM accounts",
    "another life of the events": "UPDATE relay_state SET epoch = epoch + 1",
    "a new account": "INSERT INTO accounts (login, password_hash, role) VALUES ('intruder', 'x', 'admin')",
    "another role": "UPDATE accounts SET role = 'admin'",
    "another owner of a part": "UPDATE parts SET owner_organisation_id = 1",
    "a rule of its own": "INSERT INTO dispatch_rules (code, scope, organisation_id) VALUES ('x', '{x}', 1)",
    "a request of another day": "UPDATE approvals SET requested_at = now()",
    "another zone": "UPDATE zones SET organisation_id = 1",
    "another day": "ALTER ROLE gisops_app SET gisops.clock_offset = '1 day'",
    "the owner's rights": "SET ROLE gisops_owner",
    "a table of its own": "CREATE TABLE mine (x int)",
    "a function of its own": "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "the server's files": "SELECT pg_read_file('PG_VERSION')",
    "a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "the password file": "COPY (SELECT 1) TO '/tmp/gisops-intruder'",
    "other roles' hashes": "SELECT rolpassword FROM pg_authid",
}


@pytest.mark.parametrize(
    ("role", "may"),
    [("gisops_app", MAY), ("gisops_reader", READER), ("gisops_windows", WINDOWS)],
    ids=lambda it: str(it)[:14],
)
def test_the_grants_are_those_of_the_table_and_no_more(
    sample_database: Any, role: str, may: dict[str, dict[str, str]]
) -> None:
    asked = """
      SELECT c.relname AS table, p.act,
             bool_and(p.held) AS whole,
             array_agg(a.attname::text ORDER BY a.attname::text COLLATE "C") FILTER (WHERE p.held) AS columns
      FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      CROSS JOIN LATERAL (
        SELECT act, has_column_privilege(%(role)s, c.oid, a.attnum, act) AS held
        FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) act
        UNION ALL
        SELECT act, has_table_privilege(%(role)s, c.oid, act)
        FROM unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) act
      ) p
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND NOT EXISTS (
          SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
      GROUP BY 1, 2 HAVING bool_or(p.held)"""
    found: dict[str, dict[str, str]] = {}
    with connect(sample_database.owner_url) as conn:
        for row in conn.execute(asked.encode(), {"role": role}):
            found.setdefault(row["table"], {})[row["act"]] = ALL if row["whole"] else " ".join(row["columns"])
    assert found == may


def test_roles_nobody_signs_in_as_own_no_table_and_make_none(sample_database: Any) -> None:
    asked = """SELECT r.rolname, r.rolcanlogin OR r.rolsuper OR r.rolbypassrls OR r.rolcreaterole AS mighty,
        has_schema_privilege(r.oid, 'public', 'CREATE') AS makes,
        (SELECT count(*) FROM pg_class c WHERE c.relowner = r.oid) AS owned
        FROM pg_roles r WHERE rolname IN ('gisops_reader', 'gisops_windows') ORDER BY 1"""
    with connect(sample_database.owner_url) as conn:
        rows = [tuple(row.values()) for row in conn.execute(asked.encode())]
    assert rows == [("gisops_reader", False, False, 0), ("gisops_windows", False, False, 0)]


# Reached as the readers' role, whoever it reads for: what the system may, and this role may not.
OUT_OF_SIGHT = {
    **OUT_OF_REACH,
    "another scope": "UPDATE accounts SET everywhere = true",
    "a unit more": "INSERT INTO account_units SELECT 1, unit_id FROM scope_units",
    "others' units": "SELECT * FROM account_units",
    "a grant": "INSERT INTO account_scopes (account_id, kind, code) VALUES (1, 'area', '1')",
    "spelling out": "SELECT expand_scopes()",
    "settling": "SELECT settle_units()",
    "a case": "UPDATE cases SET state = 'closed'",
    "an answer to a sender": "SELECT answer FROM intake_keys",
    "sign-ins": "SELECT * FROM sessions",
    "events": "SELECT * FROM outbox",
    "a change of the past": "DELETE FROM case_history",
}


@pytest.mark.parametrize("what", OUT_OF_SIGHT)
def test_out_of_sight(sample_database: Any, what: str) -> None:
    with connect(sample_database.app_url) as conn:
        leader = conn.execute("SELECT account_id FROM accounts WHERE login = 'leader'").fetchone()
        scopes.look_as(conn, (leader or {})["account_id"])
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute(OUT_OF_SIGHT[what].encode())


@pytest.mark.parametrize("role", ["gisops_app", "gisops_reader"])
def test_views_are_the_layers_and_nothing_is_written_to_them(sample_database: Any, role: str) -> None:
    """Which of their columns are read is tests/layers/test_windows.py's business: the public ones."""
    asked = """SELECT relname AS name, has_table_privilege(%(role)s, oid, 'SELECT') AS whole,
        has_table_privilege(%(role)s, oid, 'INSERT, UPDATE, DELETE, TRUNCATE') AS written
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')
        AND relname NOT IN ('geometry_columns', 'geography_columns')"""
    with connect(sample_database.owner_url) as conn:
        views = conn.execute(asked.encode(), {"role": role}).fetchall()
    assert len(views) > 10
    for view in views:
        assert view["name"].startswith("layer_")
        assert (view["whole"], view["written"]) == (False, False), view


@pytest.mark.parametrize("what", OUT_OF_REACH)
def test_out_of_reach(sample_database: Any, what: str) -> None:
    with connect(sample_database.app_url) as conn, pytest.raises(errors.InsufficientPrivilege):
        conn.execute(OUT_OF_REACH[what].encode())


def test_a_password_is_checked_by_its_login_and_nobody_else_may_ask(sample_database: Any) -> None:
    with connect(sample_database.app_url) as conn:
        found = people.account(conn, "officer")
        assert found is not None
        assert found.password_hash.startswith("$argon2id$")
        assert people.account(conn, "nobody") is None
    asked = """SELECT proname FROM pg_proc p, LATERAL aclexplode(coalesce(proacl, acldefault('f', proowner))) g
        WHERE prosecdef AND proowner = 'gisops_owner'::regrole AND g.grantee = 0"""
    with connect(sample_database.owner_url) as conn:
        assert conn.execute(asked.encode()).fetchall() == [], "SECURITY DEFINER, and open to PUBLIC"


def test_what_a_constraint_refuses_does_not_stand_in_the_log(cluster: Any, sample_database: Any) -> None:
    written = "SLOW AND PERSONAL 样例"
    with connect(sample_database.app_url) as conn:
        shown = {
            name: conn.execute(f"SHOW {name}".encode()).fetchone()  # type: ignore[index]
            for name in ("log_parameter_max_length", "log_error_verbosity")
        }
        assert shown == {
            "log_parameter_max_length": {"log_parameter_max_length": "0"},
            "log_error_verbosity": {"log_error_verbosity": "terse"},
        }
        with pytest.raises(psycopg.IntegrityError) as refused:
            conn.execute(
                # not one with row-level security: of those PostgreSQL tells nobody the row
                "INSERT INTO outbox (district_code, event_id, case_no, kind, payload, at)"
                " VALUES ('1', gen_random_uuid(), %s, NULL, '{}', now())",
                [written],
            )
    assert written in str(refused.value)
    log = "".join(file.read_text("utf-8") for file in cluster_files.logs(cluster.place))
    assert "violates not-null constraint" in log
    assert written not in log


def test_files_of_the_cluster_are_closed_to_others(cluster: Any) -> None:
    for path, mode in ((cluster.place.sockets, 0o700), (cluster.place.data, 0o700), (cluster.place.log, 0o600)):
        assert path.stat().st_mode & 0o777 == mode, path
