"""Codes of grid cells, parts, administrative areas and categories: reading and writing them by their scheme.

A code is text, never a number, and it is **the scheme that splits it, never its length**: ``3205080101000001`` is
part 000001 of class 01-01 in one scheme and part 00001 of class 01-010 in another, and both are 16 digits.

Sources: GB/T 30428.1-2013 (grid cells), GB/T 30428.2-2013 and CJ/T 214-2007 (parts, categories), GB/T 2260 and
GB/T 10114 (administrative areas), as public city documents render them. The split 6+2+3+5 is one implementation's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from gisops.errors import InvalidInput

GRID_SCHEME = "GB/T 30428.1-2013"
# The widths of: administrative code, major, minor, serial.
PART_SCHEMES: dict[str, tuple[int, int, int, int]] = {
    "GB/T 30428.2-2013": (6, 2, 2, 6),
    "CJ/T 214-2007": (6, 2, 2, 6),
    "6+2+3+5": (6, 2, 3, 5),
}
# Schemes whose minor classes are known to have two digits; a city's own may have two or three.
TWO_DIGIT_MINORS = ("GB/T 30428.2-2013", "CJ/T 214-2007")

Level = Literal["city", "district", "street", "community"]


class InvalidCode(InvalidInput):
    """A code is not written as its scheme writes it."""

    code = "invalid_code"


class UnknownCodeScheme(InvalidCode):
    """No such code scheme is known, so a code cannot be split."""

    code = "unknown_code_scheme"


class InvalidGridCellCode(InvalidCode):
    """A grid cell code is not 6 + 3 + 3 + 3 digits."""

    code = "invalid_grid_cell_code"


class InvalidPartCode(InvalidCode):
    """A part code is not as its scheme splits it."""

    code = "invalid_part_code"


class InvalidAdminCode(InvalidCode):
    """An administrative code is not 6, 9 or 12 digits."""

    code = "invalid_admin_code"


class InvalidCategoryCode(InvalidCode):
    """A category code is not like E04-05 or P01-03."""

    code = "invalid_category_code"


class SequenceOverflow(InvalidCode):
    """The numbers of a code's last part are used up."""

    code = "sequence_overflow"


def _digits(text: object, widths: tuple[int, ...], error: type[InvalidCode], what: str) -> list[str]:
    """Split ASCII digits by widths; full-width digits, spaces and numbers are refused, for a code is a key."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]+", text) or len(text) != sum(widths):
        shown = repr(text)[:60]
        split = " + ".join(map(str, widths))
        raise error(f"{shown} is no {what}: it has {sum(widths)} digits, {split}", given=shown, widths=list(widths))
    parts, start = [], 0
    for width in widths:
        parts.append(text[start : start + width])
        start += width
    return parts


def _number(value: int, width: int, error: type[InvalidCode], what: str) -> str:
    """Write a serial number in its width, or say that there is no more room."""
    if value < 0:
        raise error(f"{what} {value} is negative", given=value)
    if value >= 10**width:
        raise SequenceOverflow(f"{what} {value} does not fit into {width} digits", given=value, most=10**width - 1)
    return f"{value:0{width}d}"


# Grid cells -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GridCellCode:
    """A basic management grid cell: district (6), street (3), community (3), sequence in the community (3)."""

    district: str
    street: str
    community: str
    sequence: int

    @property
    def text(self) -> str:
        """The 15 digits. Raises SequenceOverflow past 999."""
        code = self.district + self.street + self.community
        _digits(code, (6, 3, 3), InvalidGridCellCode, "community of a grid cell")
        return code + _number(self.sequence, 3, InvalidGridCellCode, "grid cell sequence")

    @property
    def community_code(self) -> str:
        """The 12 digits of the community the cell lies in."""
        return self.district + self.street + self.community

    def following(self) -> GridCellCode:
        """Return the next cell of the community (they count west to east, north to south)."""
        _number(self.sequence + 1, 3, InvalidGridCellCode, "grid cell sequence")
        return replace(self, sequence=self.sequence + 1)


def parse_grid_cell(text: str | None, scheme: str = GRID_SCHEME) -> GridCellCode:
    """Read a grid cell's 15 digits. Raises InvalidGridCellCode, UnknownCodeScheme."""
    if scheme != GRID_SCHEME:
        raise UnknownCodeScheme(
            f"no scheme {scheme!r} of grid cell codes is known here", given=scheme, known=[GRID_SCHEME]
        )
    district, street, community, sequence = _digits(text, (6, 3, 3, 3), InvalidGridCellCode, "grid cell code")
    return GridCellCode(district, street, community, int(sequence))


# Parts ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PartCode:
    """A part (component): its scheme, administrative code, major and minor class, and serial number."""

    scheme: str
    district: str
    major: str
    minor: str
    serial: int

    @property
    def text(self) -> str:
        """The 16 digits, as the scheme joins them. Raises InvalidPartCode, SequenceOverflow, UnknownCodeScheme."""
        *widths, serial = _part_widths(self.scheme)
        for value, width in zip((self.district, self.major, self.minor), widths, strict=True):
            _digits(value, (width,), InvalidPartCode, f"field of a part code of {self.scheme}")
        return self.district + self.major + self.minor + _number(self.serial, serial, InvalidPartCode, "part serial")


def parse_part(text: str | None, scheme: str) -> PartCode:
    """Read a part's 16 digits by their scheme. Raises InvalidPartCode, UnknownCodeScheme."""
    district, major, minor, serial = _digits(text, _part_widths(scheme), InvalidPartCode, f"part code of {scheme}")
    return PartCode(scheme, district, major, minor, int(serial))


def _part_widths(scheme: str) -> tuple[int, int, int, int]:
    widths = PART_SCHEMES.get(scheme)
    if widths is None:
        raise UnknownCodeScheme(
            f"no scheme {scheme!r} of part codes is known here; known are {', '.join(PART_SCHEMES)}",
            given=scheme,
            known=list(PART_SCHEMES),
        )
    return widths


# Administrative areas ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AdminCode:
    """An administrative area: its digits, level, and the code of the area it lies in (None above the city)."""

    text: str
    level: Level
    parent: str | None


def parse_admin(text: str | None) -> AdminCode:
    """Read an administrative code: 6 digits a district (ending in 00 a city), 9 a street or town, 12 a community.

    There is one scheme, in which the length is the level. Statistical tables pad streets with ``000`` to 12
    digits; that is no community, and the 9 digits are suggested instead. Raises InvalidAdminCode.
    """
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{6}(?:[0-9]{3}){0,2}", text):
        shown = repr(text)[:60]
        raise InvalidAdminCode(
            f"{shown} is no administrative code: a city or district has 6 digits, a street 9, a community 12",
            given=shown,
        )
    own = text
    while len(own) > 6 and own.endswith("000"):
        own = own[:-3]
    if own != text:
        raise InvalidAdminCode(f"{text} is padded with zeros; the area's own code is {own}", given=text, suggestion=own)
    if len(text) == 6:
        if text.endswith("00"):
            return AdminCode(text, "city", None)
        return AdminCode(text, "district", text[:4] + "00")
    return AdminCode(text, "street" if len(text) == 9 else "community", text[:-3])


# Categories -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CategoryCode:
    """A category: scheme, kind (P part, E event), major and minor class. Whether it exists is a question of data."""

    scheme: str
    kind: Literal["P", "E"]
    major: str
    minor: str

    @property
    def text(self) -> str:
        """The short code, ``E04-05``: unique within a scheme only."""
        return f"{self.kind}{self.major}-{self.minor}"

    @property
    def full(self) -> str:
        """The code with its scheme, ``GB/T 30428.2-2013:E04-05``."""
        return f"{self.scheme}:{self.text}"


def parse_category(text: str | None, default_scheme: str) -> CategoryCode:
    """Read ``E04-05`` or ``<scheme>:E04-05``; the scheme, which may hold colons itself, ends at the last one.

    Raises InvalidCategoryCode.
    """
    scheme, colon, short = text.rpartition(":") if isinstance(text, str) else ("", "", "")
    scheme = scheme.strip() if colon else default_scheme
    match = re.fullmatch(r"([PEpe])([0-9]{2})-([0-9]{2,3})", short.strip())
    if match is None or not scheme:
        shown = repr(text)[:80]
        raise InvalidCategoryCode(
            f"{shown} is no category code; write kind, major and minor class like E04-05 or P01-03, "
            f"with the scheme before it where it is not the city's: {default_scheme}:E04-05",
            given=shown,
        )
    if scheme in TWO_DIGIT_MINORS and len(match[3]) != 2:
        raise InvalidCategoryCode(f"minor classes of {scheme} have two digits, {match[3]} has three", given=text)
    return CategoryCode(scheme, "P" if match[1] in "Pp" else "E", match[2], match[3])
