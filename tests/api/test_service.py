"""The systemd unit and the word to systemd that we are ready."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from api import notify
from api.commands import service
from gisops.errors import InvalidInput
from gisops.settings import Settings


def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    text = service.text(Settings(_env_file=None, home=tmp_path / "home"), "root")
    assert "Type=notify" in text
    assert f"Environment=GISOPS_HOME={tmp_path / 'home'}" in text
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze here")
    (tmp_path / "gisops.service").write_text(text)
    done = subprocess.run([analyze, "verify", tmp_path / "gisops.service"], capture_output=True, text=True, check=False)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if "gisops.service" in line]
    assert not complaints


def test_a_path_that_systemd_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        service.text(Settings(_env_file=None, home=tmp_path / "my home"), "root")


def test_systemd_is_told_once_and_nobody_where_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify.systemd("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "ear"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "ear"))
        assert notify.systemd("READY=1")
        assert ear.recv(100) == b"READY=1"
