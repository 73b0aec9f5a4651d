"""What was answered as done is done: the transaction commits before the answer goes out."""

from __future__ import annotations

from uuid import uuid4

import httpx2

from gisops.db.pool import connect
from tests.conftest import serve

# A commit that fails, as one may on a full disk: were the answer sent first, it would be a lie.
FAIL_AT_COMMIT = """
CREATE FUNCTION fail_at_commit() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no commit today'; END $$;
CREATE CONSTRAINT TRIGGER fail_at_commit AFTER INSERT ON intake_keys
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail_at_commit();
"""


def test_a_report_whose_commit_fails_is_not_answered_as_kept(fresh_database) -> None:
    database = fresh_database("sample_template")
    with serve(database) as server, httpx2.Client(base_url=server.base_url, timeout=20) as client:
        lon, lat = client.get("/api/city").json()["center"]
        body = {"channel": "citizen", "category": "E04-05", "lon": lon, "lat": lat, "crs": "WGS84"}
        assert client.post("/api/reports", json=body | {"client_uid": str(uuid4())}).status_code == 201
        with connect(database.owner_url) as conn:
            conn.execute(FAIL_AT_COMMIT)
        uid = str(uuid4())
        answer = client.post("/api/reports", json=body | {"client_uid": uid})
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "internal_error"
        assert "commit" not in answer.text
        assert "nosniff" in answer.headers["x-content-type-options"]
        # The server closes it behind such an error: who did not know would lose his next request.
        assert answer.headers["connection"] == "close"
        assert client.get(f"/api/reports/{uid}").status_code == 404
