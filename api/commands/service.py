"""``gisops unit``: the service file that lets systemd run gisops."""

from __future__ import annotations

import pwd
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from gisops import cluster_files
from gisops.errors import InvalidInput
from gisops.settings import Settings

# What the service may not do is longer than what it may: it serves HTTP and keeps files in two folders.
UNIT = """\
# /etc/systemd/system/gisops.service
[Unit]
Description=gisops: spatial operations server
Documentation=file://{project}/README.md
After=network.target

[Service]
Type=notify
NotifyAccess=main
User={user}
WorkingDirectory={project}
Environment=GISOPS_HOME={home}
EnvironmentFile=-{home}/gisops.env
ExecStart={program} up --no-sample
Restart=on-failure
RestartSec=2
# PostgreSQL may have much to recover after a crash; a stop is done within ten seconds.
TimeoutStartSec=15min
TimeoutStopSec=30
KillMode=mixed
LimitNOFILE=65536

NoNewPrivileges={no_new}
ProtectSystem=strict
ReadWritePaths={folders}
ProtectHome=read-only
PrivateTmp=false
PrivateDevices=true
ProtectKernelTunables=true
ProtectKernelModules=true
ProtectControlGroups=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=true
LockPersonality=true

[Install]
WantedBy=multi-user.target
"""


def unit(
    user: Annotated[str, typer.Option(help="Who runs it: a user of its own, not root.")] = "gisops",
) -> None:
    """打印 systemd 服务文件 / Print a systemd unit for this installation: gisops unit > /etc/systemd/system/…"""
    typer.echo(text(Settings(), user), nl=False)


def text(settings: Settings, user: str) -> str:
    """The unit for this program, this home and this user. Raises ``InvalidInput`` where one cannot be written down."""
    home = settings.home.expanduser().resolve()
    program = Path(shutil.which("gisops", path=str(Path(sys.executable).parent)) or sys.argv[0]).resolve()
    project = program.parent
    for path in (home, program):
        if any(character.isspace() or character in "%\"'\\" for character in str(path)):
            raise InvalidInput(f"systemd's files cannot hold this path as it is: {path}", path=str(path))
    try:
        pwd.getpwnam(user)
    except KeyError:
        typer.echo(f"useradd --system --home-dir {home} {user}   # 没有这个用户 / there is no such user yet", err=True)
    base = cluster_files.place(home).base if user == "root" else home
    # A folder that is not there keeps systemd from starting anything; "-" lets it be made later.
    backup = [f"-{settings.backup_dir.expanduser().resolve()}"] if settings.backup_dir is not None else []
    return UNIT.format(
        user=user,
        home=home,
        project=project,
        program=program,
        folders=" ".join(dict.fromkeys([str(home), str(base), *map(str, backup)])),
        # As root, PostgreSQL is handed to its own user, which takes a change of user.
        no_new="false" if user == "root" else "true",
    )
