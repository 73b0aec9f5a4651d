"""Photographs for tests: real JPEGs that look like something, sent in by the ground's own functions."""

from __future__ import annotations

import io
import random
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from psycopg.types.json import Jsonb

from gisops import photos, storage
from gisops.access.people import Actor
from gisops.db.pool import Connection


def evidence_asked(owner: Connection, asked: bool | Mapping[str, Mapping[str, float]]) -> None:
    """Say what this database's city asks for of photographs: nothing (False), the usual (True), or other numbers."""
    owner.execute("UPDATE city SET settings = jsonb_set(settings, '{evidence}', %s)", [Jsonb(asked)])


def scene(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A picture of nothing in particular that looks like no other: large shapes, and some grain."""
    rng = random.Random(seed)
    coarse = Image.frombytes("RGB", (9, 7), rng.randbytes(9 * 7 * 3)).resize(size, Image.Resampling.BICUBIC)
    grain = Image.frombytes("RGB", (80, 60), rng.randbytes(80 * 60 * 3)).resize(size, Image.Resampling.BILINEAR)
    return Image.blend(coarse, grain, 0.15)


def jpeg(seed: int, size: tuple[int, int] = (320, 240), **saved: Any) -> bytes:
    """The same as a JPEG; ``saved`` goes to Pillow (quality, exif)."""
    return as_bytes(scene(seed, size), "JPEG", **{"quality": 90, **saved})


def as_bytes(picture: Image.Image, form: str, **saved: Any) -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    picture.save(file, form, **saved)
    return file.getvalue()


def exif(lon: float, lat: float, at: str = "2026:11:22 14:18:00", orientation: int = 1) -> Image.Exif:
    """What a phone writes into its files."""
    told = Image.Exif()
    told[0x010F], told[0x0110], told[0x0112] = "SampleMake", "SampleModel", orientation
    told.get_ifd(0x8769)[0x9003] = at

    def parts(value: float) -> tuple[float, float, float]:
        value = abs(value)
        return float(int(value)), float(int(value % 1 * 60)), round(value * 60 % 1 * 60, 4)

    place = told.get_ifd(0x8825)
    place[1], place[2] = "N" if lat >= 0 else "S", parts(lat)
    place[3], place[4] = "E" if lon >= 0 else "W", parts(lon)
    return told


def take(conn: Connection, home: Path, content: bytes, by: Actor | None = None) -> str:
    """Send a photograph in, past HTTP; returns its hash. ``home`` is the folder photographs are kept in."""
    with photos.arriving(home) as folder:
        (folder / photos.SENT).write_bytes(content)
        one = photos.develop(folder)
        kept = storage.Folder(home)
        photos.keep_files(kept, one)
        photos.record(conn, kept, one, by)
        return one.picture.sha256


def sent(client: httpx.Client | Any, content: bytes, headers: Mapping[str, str] | None = None) -> str:
    """Send a photograph in by HTTP; returns its hash."""
    answer = client.post("/api/photos", content=content, headers={"Content-Type": "image/jpeg", **(headers or {})})
    assert answer.status_code in (200, 201), answer.text
    sha256: str = answer.json()["sha256"]
    return sha256


def entry(sha256: str, at: datetime, lon: float, lat: float, **more: Any) -> dict[str, Any]:
    """A photograph as a move names it."""
    return {
        "sha256": sha256,
        "captured_at": at.isoformat(),
        "lon": lon,
        "lat": lat,
        "crs": "WGS84",
        "accuracy_m": 5.0,
        **more,
    }
