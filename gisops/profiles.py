"""A city of one's own from a profile (TOML): its names, outline, codes, clock, calendar, duty desk, first account.

Everything is checked before anything is written, and a city is there whole or not at all. What it is made of besides
(zones, parts, staff, cases) is loaded afterwards (`gisops.loads`).
"""

from __future__ import annotations

import csv
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import shapely
from argon2 import PasswordHasher
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gisops import founding, reference
from gisops.access import scopes
from gisops.city import DEFAULT_ACCURACY_M
from gisops.clocks import WorkDayMode
from gisops.codes import GRID_SCHEME
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, UnknownCrs
from gisops.loads.batches import Options
from gisops.loads.reading import open_source

_SQL = queries.load("gisops", "profiles.sql")

# A profile to start from: `gisops city new --template`.
TEMPLATE = """\
# 城市配置 / Profile of a city: gisops city new my-city.toml
# 中文名、英文名与行政区划代码（六位） / names and administrative code, six digits
name_zh = "某某市"
name_en = "My City"
code = "460100"

# 边界：GeoJSON、GeoPackage、Shapefile 文件，或 [西, 南, 东, 北] / outline: a file, or [west, south, east, north]
extent = "outline.geojson"
# extent_crs = "WGS84"          # 文件未声明时必填 / where the file does not say: WGS84, GCJ02, BD09, EPSG:n

# 以米为单位的测量坐标系（EPSG） / survey grid in metres
metric_srid = 4547
timezone = "Asia/Shanghai"

# 类别方案与网格编码方案 / schemes of categories and of grid cell codes
category_scheme = "GB/T 30428.2-2013"
grid_code_scheme = "GB/T 30428.1-2013"
# 自动立案 / reports file cases by themselves where their category says so
auto_file = true

# 区县：来自文件，或整个城市即一个区 / districts: of a file, or the whole city as one
[district]
code = "460108"
# file = "districts.geojson"   code = "adcode"   name_zh = "name"   name_en = "name_en"

[desk]                          # 值班台 / the duty desk: the last answer of dispatch
code = "CENTRE"
name_zh = "城市运行指挥中心"
name_en = "City Operations Centre"
phone = "12345"

[calendar]
days = "china"                  # china 用自带节假日 / the shipped holidays; none; or a CSV (date, kind, note)
windows = [["08:00", "12:00"], ["14:00", "18:00"]]
# 工作日算法 / how work days count: running 按时长 by hours, end_of_day 至第 N 日下班 to the Nth day's closing,
work_day_mode = "running"       # same_time 至第 N 日同一时刻 to that time of the Nth day

[accuracy_m]                    # 各渠道默认定位误差，米 / default error of a position per channel, metres
citizen = 20

# [[neighbours]]                # 相邻地区 / areas beside the city
# code = "460106"
# name_zh = "相邻区"
# name_en = "Neighbour"
# extent = "neighbour.geojson"

[admin]                         # 第一个账号 / the first account; its password is printed once
login = "admin"
"""


class InvalidProfile(InvalidInput):
    """No city can be made of this profile."""

    code = "invalid_profile"


Extent = str | tuple[float, float, float, float]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Neighbour(_Strict):
    """An area beside the city."""

    code: str = Field(min_length=1)
    name_zh: str = Field(min_length=1)
    name_en: str = Field(min_length=1)
    extent: Extent


class Districts(_Strict):
    """The districts: of a file (then ``code`` and the names are its columns), or the whole city as one."""

    code: str
    name_zh: str | None = None
    name_en: str | None = None
    file: str | None = None
    crs: str | None = None


class Desk(_Strict):
    """The duty desk."""

    code: str = "CENTRE"
    name_zh: str = "城市运行指挥中心"
    name_en: str = "City Operations Centre"
    phone: str | None = None


class Calendar(_Strict):
    """When the city works."""

    days: str = "china"
    windows: list[tuple[time, time]] = [(time(8), time(12)), (time(14), time(18))]
    work_day_mode: WorkDayMode = "running"


class Admin(_Strict):
    """The first account."""

    login: str = Field(default="admin", pattern=r"^[a-z][a-z0-9_.-]{1,63}$")


class Profile(_Strict):
    """A city as its profile describes it."""

    name_zh: str = Field(min_length=1)
    name_en: str = Field(min_length=1)
    code: str = Field(pattern=r"^[0-9]{6}$")
    extent: Extent
    extent_crs: str | None = None
    metric_srid: int
    timezone: str = "Asia/Shanghai"
    category_scheme: str = "GB/T 30428.2-2013"
    grid_code_scheme: str = GRID_SCHEME
    auto_file: bool = True
    district: Districts | None = None
    desk: Desk = Desk()
    calendar: Calendar = Calendar()
    accuracy_m: dict[str, float] = {}
    neighbours: list[Neighbour] = []
    admin: Admin = Admin()


@dataclass(frozen=True)
class Founded:
    """What was made: the login, and the password that is shown once and kept nowhere."""

    name_zh: str
    name_en: str
    districts: int
    login: str
    password: str = field(repr=False)


def read(path: Path) -> Profile:
    """Read a profile. Raises `InvalidProfile`, naming each field that is wrong."""
    try:
        return Profile.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidProfile(f"{path.name} cannot be read as a profile: {error}", file=path.name) from error
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise InvalidProfile(
            f"{path.name} is no profile of a city: {'; '.join(wrong)}.",
            fields=wrong,
            do="gisops city new --template   prints one to start from",
        ) from error


def found(conn: Connection, profile: Profile, folder: Path, password: str | None = None) -> Founded:
    """Make the city, as the database's owner, within the caller's transaction: all of it or nothing.

    Files of the profile are looked for in ``folder``. ``password`` is the first account's, else one is made. Raises
    `InvalidProfile`, `CityIsThere`, and what reading files raises.
    """
    _check(profile)
    districts = _districts(profile, folder)
    outline = _outline(profile.extent, profile.extent_crs, folder)
    areas = [area for *_, area in districts] or [outline]
    if not shapely.intersects(shapely.union_all(areas), outline):
        raise InvalidProfile("The districts do not lie in the city's extent.", field="district")
    around = [(n, _outline(n.extent, None, folder)) for n in profile.neighbours]
    days = _days(profile.calendar.days, folder)
    founding.first_come(conn)
    reference.load(conn)
    _check_against(conn, profile)
    _write(conn, profile, outline, districts, around)
    _write_calendar(conn, profile.calendar, days)
    founding.keep_in_city(conn)
    password = password or secrets.token_urlsafe(12)
    conn.execute(_SQL["add_admin"], {"login": profile.admin.login, "password_hash": PasswordHasher().hash(password)})
    return Founded(profile.name_zh, profile.name_en, max(len(districts), 1), profile.admin.login, password)


def contents(conn: Connection) -> Mapping[str, int]:
    """How much of everything the city holds."""
    return conn.execute(_SQL["counts"]).fetchone() or {}


def _check(profile: Profile) -> None:
    try:
        ZoneInfo(profile.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidProfile(f"There is no time zone {profile.timezone!r}.", field="timezone") from error
    if profile.grid_code_scheme != GRID_SCHEME:
        raise InvalidProfile(
            f"No scheme {profile.grid_code_scheme!r} of grid cell codes is known here; known is {GRID_SCHEME}.",
            field="grid_code_scheme",
        )
    for channel, metres in profile.accuracy_m.items():
        if channel not in DEFAULT_ACCURACY_M or not 0 < metres <= 5000:
            raise InvalidProfile(
                f"accuracy_m.{channel} = {metres}: channels are {', '.join(DEFAULT_ACCURACY_M)}; metres go to 5000.",
                field="accuracy_m",
            )
    last = time.min
    for opens, closes in profile.calendar.windows:
        if not last <= opens < closes:
            raise InvalidProfile("Working hours are given in order and do not overlap.", field="calendar.windows")
        last = closes
    if not profile.calendar.windows:
        raise InvalidProfile("A city has working hours, at least one window a day.", field="calendar.windows")
    single = profile.district is None or profile.district.file is None
    code = profile.district.code if profile.district else profile.code
    if single and (code.endswith("00") or not re.fullmatch(r"[0-9]{6}", code)):
        raise InvalidProfile(
            f"{code} is the code of a city, or none: a case needs the code of a district as its home. "
            'Give [district] code = "…" (six digits, not ending in 00), or a file of districts.',
            field="district.code",
        )


def _check_against(conn: Connection, profile: Profile) -> None:
    row = conn.execute(_SQL["known_srid"], {"srid": profile.metric_srid}).fetchone()
    if row is None:
        raise UnknownCrs(f"EPSG:{profile.metric_srid} is not known to the database.", field="metric_srid")
    if not row["metres"]:
        raise InvalidProfile(f"EPSG:{profile.metric_srid} is not in metres.", field="metric_srid")
    schemes = [one["scheme"] for one in conn.execute(_SQL["schemes"])]
    # A scheme of its own is filled by `gisops load categories`; a near miss of a shipped one is a slip of the pen.
    plain = re.sub(r"\W", "", profile.category_scheme).lower()
    alike = [s for s in schemes if s != profile.category_scheme and re.sub(r"\W", "", s).lower() == plain]
    if alike:
        raise InvalidProfile(
            f"There is no category scheme {profile.category_scheme!r}; {alike[0]!r} is written so.",
            field="category_scheme",
        )


def _outline(extent: Extent, crs: str | None, folder: Path) -> Any:
    """An outline as one valid (multi)polygon, degrees."""
    if not isinstance(extent, str):
        west, south, east, north = extent
        if not (-180 <= west < east <= 180 and -85 <= south < north <= 85):
            raise InvalidProfile(f"extent is west, south, east, north in degrees, not {list(extent)}.", field="extent")
        return shapely.box(west, south, east, north)
    shapes = []
    with open_source(folder / extent, Options(expected="polygon", crs=crs)) as source:
        for batch in source.batches():
            shapes += [] if batch.geometry is None else list(batch.geometry)
    if not shapes:
        raise InvalidProfile(f"{extent} holds no polygon.", field="extent", file=extent)
    return _polygonal(shapely.union_all(shapes))


def _polygonal(shape: Any) -> Any:
    parts = shapely.get_parts(shape)
    return shapely.multipolygons(parts[shapely.get_type_id(parts) == 3])


def _districts(profile: Profile, folder: Path) -> list[tuple[str, str, str, Any]]:
    """Code, names and outline of each district of the file; none where the city is one."""
    told = profile.district
    if told is None or told.file is None:
        return []
    found: dict[str, tuple[str, str, str, Any]] = {}
    with open_source(folder / told.file, Options(expected="polygon", crs=told.crs or profile.extent_crs)) as source:
        names = {told.code, told.name_zh or told.code, told.name_en or told.name_zh or told.code}
        if absent := sorted(names - {column.name for column in source.columns}):
            there = ", ".join(column.name for column in source.columns)
            raise InvalidProfile(f"{told.file} has no column {', '.join(absent)}; it has {there}.", field="district")
        for batch in source.batches():
            for n in range(len(batch.rows)):
                code = str(batch.fields[told.code][n]).strip()
                if not re.fullmatch(r"[0-9]{6}", code) or code in found:
                    raise InvalidProfile(
                        f"{told.file}: {code!r} is no district's code of six digits, or stands there twice.",
                        field="district",
                    )
                zh = str(batch.fields[told.name_zh or told.code][n])
                en = str(batch.fields[told.name_en or told.name_zh or told.code][n])
                found[code] = (code, zh, en, None if batch.geometry is None else batch.geometry[n])
    if not found or any(shape is None for *_, shape in found.values()):
        raise InvalidProfile(f"{told.file} holds no polygons of districts.", field="district")
    return list(found.values())


def _days(told: str, folder: Path) -> list[tuple[date, str, str]] | None:
    """Days of a file of the city's own; None for the shipped ones."""
    if told == "china":
        return None
    if told == "none":
        return []
    try:
        with (folder / told).open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
            return [(date.fromisoformat(r["date"]), r["kind"], r.get("note") or "") for r in rows]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, ValueError) as error:
        raise InvalidProfile(
            f"calendar.days is china, none, or a CSV with date, kind (work, holiday, in_lieu), note: {error!r}",
            field="calendar.days",
        ) from error


def _write(
    conn: Connection,
    profile: Profile,
    outline: Any,
    districts: list[tuple[str, str, str, Any]],
    around: list[tuple[Neighbour, Any]],
) -> None:
    names = {"name_zh": profile.name_zh, "name_en": profile.name_en}
    city = profile.code if profile.code.endswith("00") else profile.code[:4] + "00"
    conn.execute(
        _SQL["add_city"],
        {
            **names,
            "code": city,
            "geom": shapely.to_wkb(outline),
            "settings": Jsonb({"accuracy_m": profile.accuracy_m, "work_day_mode": profile.calendar.work_day_mode}),
            **{
                name: getattr(profile, name)
                for name in ("metric_srid", "timezone", "category_scheme", "grid_code_scheme", "auto_file")
            },
        },
    )
    only = profile.district.code if profile.district else profile.code
    own = profile.district or Districts(code=only)
    single = (only, own.name_zh or profile.name_zh, own.name_en or profile.name_en, outline)
    areas: list[tuple[int, str, str | None, str, str, Any]] = [
        (1, city, None, profile.name_zh, profile.name_en, outline)
    ]
    areas += [(2, code, city, zh, en, shape) for code, zh, en, shape in districts or [single]]
    for level, code, parent, zh, en, shape in areas:
        area = {"level": level, "code": code, "parent_code": parent, "name_zh": zh, "name_en": en}
        conn.execute(_SQL["add_area"], {**area, "geom": shapely.to_wkb(shape)})
    for one, shape in around:
        conn.execute(
            _SQL["add_neighbour"],
            {"code": one.code, "name_zh": one.name_zh, "name_en": one.name_en, "geom": shapely.to_wkb(shape)},
        )
    conn.execute(_SQL["add_desk"], profile.desk.model_dump())
    scopes.settle(conn)
    conn.execute(_SQL["new_version"], {"layer": "admin_areas"})


def _write_calendar(conn: Connection, calendar: Calendar, days: list[tuple[date, str, str]] | None) -> None:
    if days is not None:
        conn.execute(_SQL["forget_holidays"])
        for day, kind, note in days:
            if kind not in ("work", "holiday", "in_lieu"):
                raise InvalidProfile(f"{day}: kind is work, holiday or in_lieu, not {kind!r}.", field="calendar.days")
            conn.execute(_SQL["add_day"], {"day": day, "kind": kind, "note": note})
    conn.execute(_SQL["forget_windows"])
    for opens, closes in calendar.windows:
        conn.execute(_SQL["add_window"], {"opens": opens, "closes": closes})
