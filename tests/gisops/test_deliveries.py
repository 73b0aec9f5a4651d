"""What leaves the house: signed, at least once with the same key, and nobody who is away holds up another."""

from __future__ import annotations

import smtplib
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gisops import city, deliveries, errands, notices, operations, webhooks
from gisops.adapters import Message, Refused, Unreachable, folder, mail, sms, webhook
from gisops.cases.reports import NewReport
from gisops.db.pool import Connection, connect
from gisops.errors import InvalidInput, UnknownOrganisation
from gisops.keys import new_key
from gisops.notices import Recipient
from gisops.settings import Settings
from tests.clock import Clock, moved
from tests.gisops.receiver import Receiver, receiving

SECRET = b"0123456789abcdef0123456789abcdef"


def message(to: str = "", **facts: Any) -> Message:
    words = ("标题", "Title", "正文", "Text")
    return Message(new_key(), "overdue", 3, datetime.now(UTC), {"case_no": "X-2026-1", **facts}, to, *words, SECRET)


# ---- signing, checked with the library others check with ---------------------------------------------------------


def test_a_receiver_checks_a_message_with_the_library_of_the_specification() -> None:
    with receiving() as there:
        sent = message(there.url, state="handling")
        webhook.sender("https://gis.example", private=True)(sent)
        headers, body = there.got[0]
    told = Webhook(webhook.shown(SECRET)).verify(body, headers)
    assert told["specversion"] == "1.0"
    assert (told["id"], told["type"], told["subject"]) == (str(sent.delivery_id), "gisops.case.overdue", "X-2026-1")
    assert told["data"] == {"case_no": "X-2026-1", "state": "handling", "seq": 3}
    assert headers["idempotency-key"] == headers["webhook-id"] == str(sent.delivery_id)
    assert webhook.verify(webhook.shown(SECRET), headers, body) == str(sent.delivery_id)


@pytest.mark.parametrize("change", ["body", "id", "timestamp", "secret", "signature", "old", "future", "nothing"])
def test_what_was_changed_or_is_old_is_no_message(change: str) -> None:
    now, body, key = int(time.time()), b'{"a": 1}', str(uuid4())
    headers = {
        "webhook-id": key,
        "webhook-timestamp": str(now),
        "webhook-signature": webhook.sign(SECRET, key, now, body),
    }
    secret, at = webhook.shown(SECRET), float(now)
    match change:
        case "body":
            body = b'{"a": 2}'
        case "id":
            headers["webhook-id"] = str(uuid4())
        case "timestamp":
            headers["webhook-timestamp"] = str(now + 1)
        case "secret":
            secret = webhook.shown(SECRET[::-1])
        case "signature":
            headers["webhook-signature"] = "v1,AAAA v2,ä"
        case "old":
            at += webhook.TOLERANCE_S + 2
        case "future":
            at -= webhook.TOLERANCE_S + 2
        case "nothing":
            del headers["webhook-signature"]
    with pytest.raises(ValueError, match=r"signed|old|signature"):
        webhook.verify(secret, headers, body, at)
    if change not in ("old", "future"):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/", "http://0.0.0.0:{port}/",
        "http://2130706433:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://169.254.169.254/", "http://10.1.2.3/",
        "http://100.64.0.1/", "http://[fd00::1]/", "http://[fe80::1]/", "http://224.0.0.1/",
    ],
)  # fmt: skip
def test_private_addresses_are_not_gone_to_unless_a_setting_says_so(url: str) -> None:
    with receiving() as there:
        there_is = url.format(port=there.server_address[1])
        with pytest.raises(Unreachable, match=r"private|nowhere"):
            webhook.sender("x", private=False)(message(there_is))
        assert there.got == []


def test_a_redirect_is_not_followed() -> None:
    with receiving() as there, receiving() as elsewhere:
        there.status, there.headers_back = 307, {"Location": elsewhere.url}
        with pytest.raises(Unreachable, match="307"):
            webhook.sender("x", private=True)(message(there.url))
        assert elsewhere.got == []


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, None), (204, None), (400, Refused), (410, Refused), *((s, Unreachable) for s in (301, 404, 429, 503))],
)  # fmt: skip
def test_what_an_answer_means(status: int, outcome: type[Exception] | None) -> None:
    with receiving() as there:
        there.status = status
        send = webhook.sender("x", private=True)
        if outcome is None:
            send(message(there.url))
        else:
            with pytest.raises(outcome):
                send(message(there.url))


# ---- SMS and e-mail ------------------------------------------------------------------------------------------------


def test_a_folder_takes_messages_as_files_and_a_repeat_changes_nothing(tmp_path: Path) -> None:
    send = folder.sender(tmp_path / "sms")
    one = message("10000000000")
    for _ in range(2):
        send(one)
    (file,) = (tmp_path / "sms").iterdir()
    told = orjson.loads(file.read_bytes())
    assert (file.stem, told["to"], told["text"]) == (str(one.delivery_id), "10000000000", ["正文", "Text"])


def test_a_folder_that_cannot_be_written_is_nobody_there(tmp_path: Path) -> None:
    (tmp_path / "sms").write_text("a file")
    with pytest.raises(Unreachable):
        folder.sender(tmp_path / "sms")(message())


def test_a_gateway_for_sms_is_shown_the_key_and_the_token() -> None:
    with receiving() as there:
        one = message("10000000000")
        sms.sender(there.url, "a token")(one)
        headers, body = there.got[0]
    assert (headers["authorization"], headers["idempotency-key"]) == ("Bearer a token", str(one.delivery_id))
    assert orjson.loads(body) == {"id": str(one.delivery_id), "to": "10000000000", "text": "正文 Text"}


class _Mailbox:
    """What a mail server took; ``refuse`` is what it says to a recipient."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.refuse: str | None = None

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if self.refuse is not None:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.got.append(envelope)
        return "250 taken"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_mail_goes_to_the_city_s_own_server_in_both_languages() -> None:
    from aiosmtpd.controller import Controller

    box = _Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=_free_port())
    server.start()
    try:
        send = mail.sender(f"smtp://127.0.0.1:{server.port}", "gisops@city.example")
        one = message("officer@city.example")
        send(one)
        (got,) = box.got
        assert (got.mail_from, got.rcpt_tos) == ("gisops@city.example", ["officer@city.example"])
        assert f"Message-ID: <{one.delivery_id}@gisops>".encode() in got.content
        box.refuse = "550 nobody of that name"
        with pytest.raises(Refused, match="550"):
            send(one)
        box.refuse = "450 later"
        with pytest.raises(Unreachable, match="450"):
            send(one)
    finally:
        server.stop()
    with pytest.raises(Unreachable):
        send(one)
    assert issubclass(smtplib.SMTPServerDisconnected, OSError)


# ---- tried until it was taken ---------------------------------------------------------------------------------------


class Post:
    """A sample city with a clock of its own, and a case to tell of."""

    def __init__(self, database: Any) -> None:
        self.database = database
        self.clock: Clock = moved(database)
        self.conn: Connection = connect(database.app_url, autocommit=True)
        self.city = city.load(self.conn)
        west, south, east, north = self.city.extent
        sent = NewReport(uuid4(), "citizen", "E04-05", (west + east) / 2, (south + north) / 2, "WGS84", 5.0)
        with self.conn.transaction():
            operations.receive_report(self.conn, self.city, sent, None)
        self.case = self.rows("SELECT * FROM cases ORDER BY case_id DESC LIMIT 1")[0]

    def hook(self, url: str, *kinds: str, organisation: str | None = None) -> tuple[int, str]:
        with connect(self.database.owner_url) as conn:
            return webhooks.add(conn, "sample system", url, kinds or ("overdue",), organisation)

    def tell(self, count: int = 1, kind: str = "overdue") -> None:
        about = (self.case["district_code"], self.case["case_id"], self.case["version"])
        for _ in range(count):
            desk = [Recipient(organisation_id=self.city.desk_id)]
            notices.tell(self.conn, *about, kind, desk, {"state": "handling"}, cause=str(new_key()))

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        return self.conn.execute(statement.encode(), values).fetchall()

    def states(self, lane: str) -> dict[str, int]:
        rows = self.rows("SELECT state, count(*) AS n FROM deliveries WHERE lane = %s GROUP BY state", lane)
        return {row["state"]: row["n"] for row in rows}

    def carry(self, lane: str, rounds: int = 20) -> int:
        """What the worker does with a way out whenever something is due there."""
        settings = Settings(webhook_private=True, home=Path("/nowhere"))
        taken = 0
        for _ in range(rounds):
            if lane not in deliveries.due_lanes(self.conn):
                break
            send = errands.sender(settings, lane)
            assert send is not None
            taken += deliveries.carry(self.conn, lane, send, self.city.timezone)
        return taken

    def anew(self) -> None:
        with connect(self.database.owner_url) as conn:
            conn.execute("DELETE FROM deliveries")
            conn.execute("DELETE FROM notices")
            conn.execute("DELETE FROM webhooks")
            conn.execute("DELETE FROM delivery_lanes WHERE lane LIKE 'webhook:%'")
            conn.execute("UPDATE delivery_lanes SET active = false, failures = 0, closed_until = NULL")


@pytest.fixture(scope="module")
def _post(sample_database: Any) -> Iterator[Post]:
    made = Post(sample_database)
    yield made
    made.conn.close()


@pytest.fixture
def post(_post: Post) -> Post:
    _post.anew()
    return _post


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def test_a_webhook_is_told_the_kinds_it_listens_to_and_no_name(post: Post, there: Receiver) -> None:
    number, secret = post.hook(there.url, "overdue")
    post.tell(2)
    post.tell(3, "message")
    assert post.carry(f"webhook:{number}") == 2
    assert len(there.got) == len(set(there.ids())) == 2
    for headers, body in there.got:
        told = Webhook(secret).verify(body, headers)
        assert told["data"]["case_no"] == post.case["case_no"]
        assert set(told["data"]) <= {"case_no", "category", "category_zh", "category_en", "state", "deadline", "seq"}
    assert post.states(f"webhook:{number}") == {"delivered": 2}


def test_one_of_an_organisation_is_told_of_its_cases_only(post: Post, there: Receiver) -> None:
    codes = {
        row["organisation_id"]: row["code"] for row in post.rows("SELECT organisation_id, code FROM organisations")
    }
    mine = codes.pop(post.case["organisation_id"])
    number, _ = post.hook(there.url, "overdue", organisation=mine)
    other, _ = post.hook(there.url, "overdue", organisation=next(iter(codes.values())))
    post.tell()
    assert post.states(f"webhook:{number}") == {"waiting": 1}
    assert post.states(f"webhook:{other}") == {}


def test_who_is_away_for_a_day_loses_nothing(post: Post) -> None:
    with receiving() as first:
        port = first.server_address[1]
        number, _ = post.hook(first.url)
        lane = f"webhook:{number}"
        post.tell(3)
        post.carry(lane)
        assert post.states(lane) == {"delivered": 3}
    tries = 0
    for _ in range(2 * 24 + 2):  # a day and some, half an hour at a time; nobody is there
        post.tell()
        tries += post.carry(lane)
        post.clock.ahead(timedelta(minutes=30))
    assert tries == 0
    failures = post.rows("SELECT failures FROM delivery_lanes WHERE lane = %s", lane)[0]["failures"]
    assert 10 < failures <= 50, "asked now and then, and never by a crowd"
    assert post.states(lane) == {"delivered": 3, "waiting": 50}
    with receiving(port) as again:
        post.clock.ahead(timedelta(hours=1))
        assert post.carry(lane) == 50
        assert len(set(again.ids())) == 50
    assert post.states(lane) == {"delivered": 53}
    assert post.rows("SELECT failures, closed_until FROM delivery_lanes WHERE lane = %s", lane) == [
        {"failures": 0, "closed_until": None}
    ]


def test_one_that_is_refused_five_times_is_given_up_and_holds_up_no_other(post: Post, there: Receiver) -> None:
    number, _ = post.hook(there.url)
    lane = f"webhook:{number}"
    post.tell(5)
    bad = str(post.rows("SELECT delivery_id FROM deliveries ORDER BY delivery_id OFFSET 2 LIMIT 1")[0]["delivery_id"])
    there.unwanted = {bad}
    assert post.carry(lane) == 4, "the others, at once"
    for _ in range(6):
        post.clock.ahead(timedelta(hours=1))
        post.carry(lane)
    assert post.states(lane) == {"delivered": 4, "dead": 1}
    (row,) = post.rows("SELECT delivery_id, attempts, refusals, last_error FROM deliveries WHERE state = 'dead'")
    assert (str(row["delivery_id"]), row["attempts"], row["refusals"], row["last_error"]) == (bad, 5, 5, "HTTP 400")


def test_what_was_given_up_is_listed_and_sent_when_somebody_says_so(post: Post, there: Receiver) -> None:
    number, _ = post.hook(there.url)
    lane = f"webhook:{number}"
    post.tell()
    there.status = 422
    for _ in range(6):
        post.carry(lane)
        post.clock.ahead(timedelta(hours=1))
    assert post.states(lane) == {"dead": 1}
    with connect(post.database.owner_url) as conn:
        (row,) = deliveries.listed(conn, "dead")
        assert (row["lane"], row["kind"], row["last_error"], row["refusals"]) == (lane, "overdue", "HTTP 422", 5)
        with pytest.raises(InvalidInput):
            deliveries.listed(conn, "gone")
        there.status = 200
        assert deliveries.retry(conn, [uuid4()]) == 0
        assert deliveries.retry(conn, [row["delivery_id"]]) == 1
    assert post.carry(lane) == 1
    assert there.ids() == [str(row["delivery_id"])], "the key is the same as at the first try"


def test_after_a_week_without_anybody_there_it_is_given_up(post: Post) -> None:
    with receiving() as gone:
        url = gone.url
    number, _ = post.hook(url)
    lane = f"webhook:{number}"
    post.tell()
    post.carry(lane)
    post.clock.ahead(timedelta(days=6))
    assert deliveries.tidy(post.conn) == 0
    assert post.states(lane) == {"waiting": 1}
    post.clock.ahead(timedelta(days=2))
    assert deliveries.tidy(post.conn) == 1
    assert post.states(lane) == {"dead": 1}


def test_who_ends_while_he_tries_loses_it_to_the_next_and_the_key_stays(post: Post, there: Receiver) -> None:
    number, _ = post.hook(there.url)
    lane = f"webhook:{number}"
    post.tell()

    class Killed(BaseException):
        """As a process that ends: nothing is caught, nothing written down."""

    sent: list[str] = []

    def send_and_end(one: Message) -> None:
        sent.append(str(one.delivery_id))
        raise Killed

    with pytest.raises(Killed):
        deliveries.carry(post.conn, lane, send_and_end, post.city.timezone)
    assert deliveries.due_lanes(post.conn) == [], "held until its time is up"
    post.clock.ahead(timedelta(seconds=31))
    assert post.carry(lane) == 1
    assert there.ids() == sent


def test_who_is_slow_gives_nothing_up(post: Post, there: Receiver) -> None:
    """His time runs out within the batch: the rest waits for the next, it was not nobody who was there."""
    number, _ = post.hook(there.url)
    lane = f"webhook:{number}"
    post.tell(3)
    slow: list[str] = []

    def send_slowly(one: Message) -> None:
        slow.append(str(one.delivery_id))
        post.clock.ahead(timedelta(seconds=31))

    deliveries.carry(post.conn, lane, send_slowly, post.city.timezone)
    assert len(slow) == 1
    assert "dead" not in post.states(lane)
    post.carry(lane)
    assert post.states(lane) == {"delivered": 3}
    assert len(set(there.ids()) | set(slow)) == 3


def test_several_at_once_send_each_once(post: Post, there: Receiver) -> None:
    number, _ = post.hook(there.url)
    lane = f"webhook:{number}"
    post.tell(120)

    def work() -> None:
        with connect(post.database.app_url, autocommit=True) as conn:
            send = errands.sender(Settings(webhook_private=True), lane)
            assert send is not None
            while deliveries.carry(conn, lane, send, post.city.timezone, 10):
                pass

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(there.got) == len(set(there.ids())) == 120


def test_a_receiver_that_hangs_holds_up_its_own_messages_only(post: Post, there: Receiver) -> None:
    with receiving() as slow:
        slow.hold = threading.Event()
        stuck, _ = post.hook(slow.url)
        quick, _ = post.hook(there.url)
        post.tell(5)
        stop = threading.Event()
        settings = Settings(webhook_private=True, home=Path("/nowhere"))

        def work() -> None:
            with connect(post.database.app_url, autocommit=True) as conn:
                errands.deliver(conn, settings, post.database.app_url, stop)

        thread = threading.Thread(target=work)
        thread.start()
        until = time.monotonic() + 8
        while len(there.got) < 5 and time.monotonic() < until:
            time.sleep(0.02)
        got_meanwhile, waiting = len(there.got), post.states(f"webhook:{stuck}")
        slow.hold.set()
        stop.set()
        thread.join(15)
    assert got_meanwhile == 5
    assert waiting == {"waiting": 5}
    assert quick != stuck


def test_sms_and_mail_go_to_who_has_a_number_and_nowhere_where_none_is_set_up(post: Post, tmp_path: Path) -> None:
    about = (post.case["district_code"], post.case["case_id"], post.case["version"])
    with connect(post.database.owner_url) as conn:
        staff = conn.execute("SELECT staff_id FROM staff ORDER BY staff_id LIMIT 1").fetchone()
        conn.execute("UPDATE staff SET phone = NULL, mail = NULL")
        conn.execute(
            "UPDATE staff SET phone = '10000000000', mail = 'officer@city.example' WHERE staff_id = %s",
            [staff["staff_id"]],
        )
    to = [Recipient(staff_id=staff["staff_id"]), Recipient(staff_id=staff["staff_id"] + 1)]
    notices.tell(post.conn, *about, "overdue", to, {}, cause="before")
    assert (post.states("sms"), post.states("mail")) == ({}, {}), "nothing is set up"

    settings = Settings(sms=SecretStr(str(tmp_path / "sms")), mail=SecretStr(str(tmp_path / "mail")))
    deliveries.set_lanes(post.conn, {"sms": True, "mail": True})
    notices.tell(post.conn, *about, "overdue", to, {"deadline": post.clock.now()}, cause="after")
    notices.tell(post.conn, *about, "message", to, {}, cause="not worth an SMS")
    for lane in ("sms", "mail"):
        assert post.states(lane) == {"waiting": 1}
        send = errands.sender(settings, lane)
        assert send is not None
        assert deliveries.carry(post.conn, lane, send, post.city.timezone) == 1
        (file,) = (tmp_path / lane).iterdir()
        told = orjson.loads(file.read_bytes())
        assert told["to"] == {"sms": "10000000000", "mail": "officer@city.example"}[lane]
        assert post.case["case_no"] in told["text"][0]
        assert f"{post.clock.now().astimezone(post.city.timezone):%Y-%m-%d %H:%M}" in told["text"][0]


ADDRESS = "SELECT address, secret FROM delivery_address(%s, %s, %s)"


def test_a_secret_is_told_only_to_who_is_trying_that_delivery_and_while_he_may(post: Post, there: Receiver) -> None:
    number, _ = post.hook(there.url)
    post.tell()
    key = post.rows("SELECT district_code, delivery_id FROM deliveries")[0].values()
    assert post.rows(ADDRESS, *key, uuid4()) == []
    lease = uuid4()
    post.conn.execute("UPDATE deliveries SET lease = %s, next_try_at = app_now() + interval '30 s'", [lease])
    (told,) = post.rows(ADDRESS, *key, lease)
    assert (told["address"], len(told["secret"])) == (there.url, 32)
    post.clock.ahead(timedelta(seconds=31))
    assert post.rows(ADDRESS, *key, lease) == [], "his time is up"
    # of one that was ended nobody is told anything
    post.conn.execute("UPDATE deliveries SET next_try_at = app_now() + interval '30 s'")
    with connect(post.database.owner_url) as conn:
        conn.execute("UPDATE webhooks SET active = false WHERE webhook_id = %s", [number])
    assert [row["address"] for row in post.rows(ADDRESS, *key, lease)] == [None]


def test_what_shows_a_message_does_not_show_its_secret() -> None:
    assert "secret" not in repr(message("https://x.example/"))
    assert SECRET.decode() not in repr(message("https://x.example/"))


def test_a_number_is_told_only_to_who_is_trying_that_delivery(post: Post) -> None:
    about = (post.case["district_code"], post.case["case_id"], post.case["version"])
    with connect(post.database.owner_url) as conn:
        conn.execute("UPDATE staff SET phone = '10000000000'")
    deliveries.set_lanes(post.conn, {"sms": True})
    notices.tell(post.conn, *about, "overdue", [Recipient(staff_id=1)], {}, cause="asked")
    (row,) = post.rows("SELECT district_code, delivery_id FROM deliveries")
    assert post.rows(ADDRESS, row["district_code"], row["delivery_id"], None) == []
    assert post.rows(ADDRESS, row["district_code"], row["delivery_id"], uuid4()) == []
    seen: list[str] = []
    deliveries.carry(post.conn, "sms", lambda one: seen.append(one.to), post.city.timezone)
    assert seen == ["10000000000"]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x.example/", "https://", "https://u:p@x.example/", "https://x.example/#a", "https://x.example/a b",
        "nothing", "https://x.example:99999/",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(post: Post, url: str) -> None:
    with pytest.raises(InvalidInput, match="address"):
        post.hook(url)


def test_a_webhook_has_a_label_kinds_that_there_are_and_an_organisation_that_there_is(post: Post) -> None:
    with connect(post.database.owner_url) as conn:
        for label, kinds in (("", ("overdue",)), ("x", ("gossip",)), ("x", ())):
            with pytest.raises(InvalidInput):
                webhooks.add(conn, label, "https://x.example/", kinds)
        with pytest.raises(UnknownOrganisation):
            webhooks.add(conn, "x", "https://x.example/", organisation="NONE")
        number, secret = webhooks.add(conn, "x", "https://x.example/")
        assert secret.startswith("whsec_")
        assert [row["webhook_id"] for row in webhooks.listed(conn)] == [number]
        assert secret not in str(webhooks.listed(conn))
        assert webhooks.remove(conn, number) == 0
        assert webhooks.listed(conn) == []
        with pytest.raises(webhooks.UnknownWebhook):
            webhooks.remove(conn, number)
