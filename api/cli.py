"""The command line: ``gisops …``."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer
from rich.table import Table

from api import logs, metrics, notify, progress, sign_ins, supervisor, trial
from api.commands import audit as audits
from api.commands import backups, bulletins, city, layers, loads, service, users
from api.commands import deliveries as outgoing
from api.commands import export as exports
from api.commands import sample as samples
from api.commands import simulate as simulations
from api.console import bring_up_to_date, database, err, out, read_settings
from gisops import cluster
from gisops.access import sealing
from gisops.certificates import Held
from gisops.cluster import Urls
from gisops.errors import Conflict, GisopsError
from gisops.settings import Settings

if TYPE_CHECKING:
    from api.doctor import Finding

Tls = Annotated[bool, typer.Option("--tls", help="Speak HTTPS, by a certificate made here for a trial.")]

app = typer.Typer(
    name="gisops",
    help="城市运行空间服务器 / Spatial operations server for a city's command centre.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line; a domain error is said in a sentence, with what to do, and ends with 1."""
    try:
        app()
    except GisopsError as error:
        err.print(f"[bold red]✗[/] {error.message}", markup=True)
        if do := error.facts.get("do"):
            err.print(f"  → {do}", markup=False)
        sys.exit(1)


@app.command()
def up(
    sample: Annotated[bool, typer.Option(help="Load the sample city if the database holds no city.")] = True,
    tls: Tls = False,
) -> None:
    """启动全部 / Start everything: database, web, worker; stays in the foreground."""
    settings = _with_tls(tls)
    began = time.monotonic()
    # Until the supervisor takes over, a stop must still unwind what was begun.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if settings.database_url is None and cluster.status(settings).held:
        raise Conflict(f"gisops already runs from {settings.home.resolve()}.", do="gisops down")
    shown = trial.begin(settings)
    with ExitStack() as undo:
        listening = undo.enter_context(_listening(settings))
        gate = supervisor.Gate()
        undo.callback(gate.close)
        logs.configure(settings, "supervisor")
        metrics.share(settings)
        children = [supervisor.web_child(number, listening, gate) for number in range(1, settings.processes + 1)]
        children.append(supervisor.worker_child(gate))
        undo.callback(supervisor.end, children)
        # What readiness asks for imports while PostgreSQL starts: the first web process and the worker.
        for child in (children[0], children[-1]):
            supervisor.begin(child)
        own = _own_cluster(undo, settings)
        urls = cluster.database_urls(settings)
        bring_up_to_date(urls)
        if not sign_ins.has_city(urls.owner) and sample:
            with progress.steps(samples.STEPS) as show:
                sign_ins.load_sample(urls.owner, settings, whole_past=False, show=show)
        if sign_ins.is_half_told(urls.owner):
            children.append(supervisor.past_child())
        gate.open()
        supervisor.keep(children, own, lambda: _welcome(listening, shown, urls, settings, began))


def _own_cluster(undo: ExitStack, settings: Settings) -> cluster.Cluster | None:
    """The private cluster, where there is to be one."""
    if settings.database_url is not None:
        return None
    with out.status("PostGIS …"):
        own = cluster.ensure(settings)
    undo.callback(_stop_cluster, own)
    if not own.owned:  # two started at once, and the other was first
        raise Conflict(f"gisops already runs from {own.place.home}.", do="gisops down")
    return own


@app.command()
def serve(tls: Tls = False) -> None:
    """只运行网页进程 / Run the web processes only, on a database that is there."""
    settings = _with_tls(tls)
    shown = trial.begin(settings)
    with _listening(settings) as listening, closing(supervisor.Gate()) as gate:
        gate.open()
        logs.configure(settings, "supervisor")
        metrics.share(settings)
        children = [supervisor.web_child(number, listening, gate) for number in range(1, settings.processes + 1)]
        began = time.monotonic()
        supervisor.keep(children, None, lambda: _announce(listening, shown, began))


@app.command()
def worker() -> None:
    """只运行后台进程 / Run the worker only: relay, timers, delivery."""
    from gisops import worker as working

    working.run(read_settings())


@app.command()
def down() -> None:
    """停止 / Stop what `gisops up` started, the database included."""
    ran = cluster.down(_private("down"))
    out.print("已停止 / stopped" if ran else "没有在运行 / nothing was running")


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """删除私有数据库 / Delete the private database with everything in it."""
    settings = _private("reset")
    found = cluster.status(settings)
    if not found.exists:
        out.print("没有数据 / there is nothing to delete")
        return
    if not yes:
        typer.confirm(f"删除全部数据? / Delete all data in {found.place.data}?", abort=True)
    cluster.destroy(settings)
    sign_ins.forget(settings)
    # The next database begins a chain of its own; what was witnessed of this one is kept.
    sealing.set_aside(sealing.heads_file(settings))
    out.print("已删除 / deleted")


@app.command()
def migrate(
    force: Annotated[bool, typer.Option(help="Re-apply functions and views even if they did not change.")] = False,
) -> None:
    """更新数据库结构 / Bring the database to the schema of this release."""
    with database(read_settings()) as urls:
        report = bring_up_to_date(urls, force=force)
    for step in report.steps:
        out.print(f"✓ {step}")
    whole = "函数与视图已更新 / functions and views applied" if report.reapplied else "已是最新 / up to date"
    out.print(f"{whole} ({report.took_s:.1f} s)")


@app.command()
def doctor() -> None:
    """检查环境 / List what gisops needs, how it stands, and what to type."""
    from api.doctor import examine

    _show(list(examine(read_settings())))


@app.command()
def check(
    topic: Annotated[
        str | None,
        typer.Argument(
            help="audit: 核对审计 / the audit's seals; evidence: 核对照片 / photographs; "
            "history: 核对案件历史 / the history of cases."
        ),
    ] = None,
) -> None:
    """检查数据库 / Check the database: schema, roles, indexes, constraints; or one topic."""
    if topic is not None:
        audits.topic(topic)
        return
    from api.doctor import examine_database
    from gisops.db.pool import connect

    with database(read_settings()) as urls, connect(urls.app) as conn:
        _show(list(examine_database(conn)))


app.command()(samples.sample)
app.command()(bulletins.bulletin)
app.command()(simulations.simulate)
app.command()(service.unit)
app.command()(loads.load)
app.command()(exports.export)
app.add_typer(loads.loads_app, name="loads")
app.add_typer(layers.layers_app, name="layers")
app.add_typer(audits.audit_app, name="audit")
app.add_typer(city.city_app, name="city")
app.add_typer(users.user_app, name="user")
app.add_typer(outgoing.deliveries_app, name="deliveries")
app.add_typer(outgoing.webhook_app, name="webhook")
app.command()(backups.backup)
app.command()(backups.backups)
app.command()(backups.restore)


def _show(rows: list[Finding]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    for row in rows:
        said = row.state if row.ok else f"{row.state}\n→ {row.do}"
        table.add_row("[green]✓[/]" if row.ok else "[red]✗[/]", row.name, said)
    out.print(table)
    if not all(row.ok for row in rows):
        raise typer.Exit(1)


def _private(act: str) -> Settings:
    settings = read_settings()
    if settings.database_url is not None:
        raise Conflict(f"GISOPS_DATABASE_URL is set: the database is your own, and `{act}` leaves it alone.")
    return settings


def _stop_cluster(own: cluster.Cluster) -> None:
    if own.owned:
        cluster.stop(own)
        cluster.release(own)


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    with supervisor.listen(settings.host, settings.port) as listening:
        got = listening.getsockname()[1]
        if settings.port not in (0, got):
            out.print(
                f"[yellow]端口 {settings.port} 已被占用, 改用 {got} / port {settings.port} is taken, using {got}[/]"
            )
        yield listening


def _with_tls(tls: bool) -> Settings:
    """The settings, where ``--tls`` is one of them: the web processes read theirs for themselves."""
    if tls:
        os.environ["GISOPS_TLS"] = "true"
    return read_settings()


def _ready(address: str, patience_s: float = 60) -> bool:
    """Wait until the server says that it is ready."""
    where = urlsplit(address)
    give_up = time.monotonic() + patience_s
    while time.monotonic() < give_up:
        door = http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)
        if where.scheme == "https":
            # Whether it is ready is asked, not who it is: the certificate may be for the public name only.
            anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
            door = http.client.HTTPSConnection(where.hostname or "", where.port, timeout=5, context=anybody)
        try:
            door.request("GET", "/readyz")
            if door.getresponse().status == 200:
                return True
        except (OSError, http.client.HTTPException):
            pass
        finally:
            door.close()
        time.sleep(0.05)
    return False


_PAGES = (
    ("/", "地图 / map"),
    ("/screen", "指挥屏 / wall"),
    ("/desk", "值守席 / desk"),
    ("/officer", "网格员 / phone"),
    ("/report", "随手报 / citizens"),
    ("/docs", "接口 / API"),
    ("/readyz", "状态 / state"),
)


def _announce(listening: socket.socket, shown: Held | None, began: float) -> bool:
    address = supervisor.address(listening, tls=shown is not None)
    if not _ready(address):
        err.print(f"[red]{address}/readyz 没有就绪 / is not ready[/]")
        return False
    notify.systemd("READY=1")
    out.print(f"\n[bold green]✓[/] gisops 就绪 / ready ({time.monotonic() - began:.1f} s)")
    for path, words in _PAGES:
        out.print(f"  {address}{path:<9} {words}")
    if shown is not None:
        trial.say(shown, listening)
    return True


def _welcome(listening: socket.socket, shown: Held | None, urls: Urls, settings: Settings, began: float) -> None:
    if _announce(listening, shown, began):
        samples.print_sign_ins(urls, settings)
        out.print("停止 / stop: Ctrl-C")


if __name__ == "__main__":
    main()
