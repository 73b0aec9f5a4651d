"""What a setting may name as the base map: a PMTiles file of one's own, or tiles that somebody serves (XYZ, WMTS).

Our coordinates are WGS-84's, which CGCS2000 equals to within a metre. The maps of some services are shifted against
these (GCJ-02, BD-09) by some 500 m, unevenly: nothing drawn on them is where it is, so they are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

# Host names (and all below them) whose tiles are shifted, and by which system.
SHIFTED = {
    "amap.com": "GCJ-02",
    "autonavi.com": "GCJ-02",
    "gtimg.com": "GCJ-02",
    "map.qq.com": "GCJ-02",
    "google.cn": "GCJ-02",
    "geoq.cn": "GCJ-02",
    "baidu.com": "BD-09",
    "bdimg.com": "BD-09",
}
# Whose map it is, where nobody says so.
_OWNERS = {"tianditu.gov.cn": "天地图 / Tianditu", "openstreetmap.org": "© OpenStreetMap contributors"}
_RANGE = re.compile(r"\{([0-9a-z])-([0-9a-z])\}")
_SERVER = re.compile(r"([A-Za-z0-9.-]+|\[[0-9a-f:]+\])(:\d+)?")
_LEFT = re.compile(r"\{[^{}]*\}")
_WMTS = {"{TileMatrix}": "{z}", "{TileRow}": "{y}", "{TileCol}": "{x}"}


@dataclass(frozen=True, slots=True)
class Archive:
    """A PMTiles file."""

    path: Path


@dataclass(frozen=True, slots=True)
class Served:
    """One layer of tiles that somebody serves: addresses with ``{z} {x} {y}``, each as good as the other; ``tms``:
    whether its rows are counted from the south.
    """

    tiles: tuple[str, ...]
    tms: bool
    owner: str | None

    @property
    def origins(self) -> tuple[str, ...]:
        """Where browsers fetch from: scheme, host and port."""
        parts = (urlsplit(each) for each in self.tiles)
        return tuple(dict.fromkeys(f"{part.scheme}://{part.netloc.lower()}" for part in parts))


Basemap = Archive | tuple[Served, ...]


def parse(told: str) -> Basemap:
    """Read the setting: the path of a PMTiles file, or addresses with spaces between them, the lowest first.

    Raises ``ValueError`` with what is wrong and what would be right, but without the address, which may hold a key.
    """
    told = told.strip()
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", told):
        path = Path(told).expanduser()
        if path.suffix.lower() != ".pmtiles":
            raise ValueError("is the path of a .pmtiles file, or the address of tiles (https://…/{z}/{x}/{y}.png)")
        return Archive(path)
    return tuple(_served(each, number) for number, each in enumerate(told.split(), 1))


def origins_of(basemap: Basemap | None) -> tuple[str, ...]:
    """Return the origins that browsers must be let fetch from; none for a file, which we serve ourselves."""
    if basemap is None or isinstance(basemap, Archive):
        return ()
    return tuple(dict.fromkeys(origin for served in basemap for origin in served.origins))


def _served(address: str, number: int) -> Served:
    where = f"address {number}"
    for theirs, ours in _WMTS.items():
        address = re.sub(re.escape(theirs), ours, address, flags=re.IGNORECASE)
    tms = "{-y}" in address
    address = address.replace("{-y}", "{y}").replace("{r}", "")
    missing = [name for name in ("{z}", "{x}", "{y}") if name not in address]
    if missing:
        raise ValueError(
            f"{where} has no {' and no '.join(missing)}: an address of tiles is https://…/{{z}}/{{x}}/{{y}}.png"
        )
    addresses = _subdomains(address)
    for each in addresses:
        _check(each, where)
    host = urlsplit(addresses[0]).hostname or ""
    return Served(addresses, tms, next((words for name, words in _OWNERS.items() if _below(host, name)), None))


def _subdomains(address: str) -> tuple[str, ...]:
    """``{s}`` stands for a, b and c; ``{0-7}`` and ``{a-d}`` for what they say."""
    found = _RANGE.search(address)
    names = "abc" if found is None else [chr(n) for n in range(ord(found[1]), ord(found[2]) + 1)]
    place = "{s}" if found is None else found[0]
    return tuple(address.replace(place, name) for name in names) if place in address else (address,)


def _check(address: str, where: str) -> None:
    parts = urlsplit(address)
    host = parts.hostname or ""
    # What stands in a policy's header and in a browser's address must be an address and nothing else.
    if parts.scheme not in ("http", "https") or not _SERVER.fullmatch(parts.netloc):
        raise ValueError(f"{where} is no http or https address of a server")
    if parts.fragment or re.search(r"[\s\"'<>;,\\]", parts.path):
        raise ValueError(f"{where} holds what no address of tiles has")
    left = [name for name in _LEFT.findall(address) if name not in ("{z}", "{x}", "{y}")]
    if left:
        raise ValueError(
            f"{where} has {', '.join(left)}, which stands for nothing; there are {{z}} {{x}} {{y}} {{-y}} {{s}} {{0-7}}"
        )
    for name, system in SHIFTED.items():
        if _below(host, name):
            raise ValueError(
                f"{where}: the map of {name} is shifted ({system}) by some 500 m against what is drawn on it (WGS-84); "
                "use one in WGS-84 or CGCS2000, such as Tianditu (docs/howto/use-a-base-map.md)"
            )
    asked = {name.upper(): value for name, value in parse_qsl(parts.query)}
    if asked.get("TILEMATRIXSET", "w").lower() == "c" or re.search(r"_c/wmts$", parts.path):
        raise ValueError(f"{where} is cut in degrees (matrix set c); the map is Web Mercator: use matrix set w")


def _below(host: str, name: str) -> bool:
    return host == name or host.endswith(f".{name}")
