"""Pictures: whether what was sent is one, what it says of itself, and copies of it that say nothing.

Whatever stands in a file decides nothing by itself: it is decoded to its last pixel, in a process of its own that has
so much memory and time and no more. If the decoder breaks, or is broken into, that is all it takes along. What is shown
to people is written anew from the pixels: no position, no camera, nothing hidden behind the picture.

This file is also that process's program, so it takes nothing from the rest of gisops before it is asked to.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import resource
import subprocess
import sys
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

# What is taken, by Pillow's names. MPO is what many phones write: a JPEG with a second picture behind the first.
MIME = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
MOST_PIXELS = 40_000_000
LONGEST_SIDE = 16_384
# The copies people see: longest side in pixels.
SIZES = {"view": 2048, "large": 640, "small": 160}
SUFFIXES = {size: f".{size}.jpg" for size in SIZES}

# Of the process that decodes: a picture of 40 million pixels takes 160 MB, twice where its colours must be converted.
_MEMORY_BYTES = 900 * 2**20
_FILE_BYTES = 32 * 2**20
_CPU_S = 10
_PATIENCE_S = 30.0

# Hashes of two pictures of the same differ in this many bits at most, after any change of size or compression that
# leaves it worth looking at; figures in docs/decisions/0035.
SAME_WITHIN = 4
_BANDS = (13, 13, 13, 13, 12)
# Which way up: the file's number, and what Pillow calls the turn that mends it.
_TURNS = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE",
    8: "ROTATE_90",
}  # fmt: skip
_LYING = frozenset({"TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90"})
# Below this spread of grey (of 255) there is nothing to tell one picture from another by.
_FLAT = 3.0


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of a picture: of the file as it was sent, and of the copies made of it.

    ``phash`` is a signed 64-bit number, ``None`` where the picture shows nothing. ``taken_at`` (local time of an
    unknown clock) and ``exif_lon, exif_lat`` (degrees, WGS-84) are what the file says, and nobody's knowledge.
    """

    sha256: str
    mime: str
    bytes: int
    width: int
    height: int
    phash: int | None
    copies: tuple[str, str, str]
    taken_at: datetime | None
    exif_lon: float | None
    exif_lat: float | None
    exif: dict[str, str]


class Refused(Exception):
    """The file is no picture that is taken: ``reason`` is a word of ours, the message says what is wrong."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def develop(source: Path, into: Path) -> Picture:
    """Decode a file and write its copies (``view.jpg``, ``large.jpg``, ``small.jpg``) into a folder.

    Takes about a tenth of a second, of a process of its own. Raises ``Refused``, and ``OSError`` where the folder
    cannot be written.
    """
    try:
        done = subprocess.run(
            # Not as a module: what it imports should be Pillow, and not gisops.
            [sys.executable, "-I", __file__, str(source), str(into)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            env={"LANG": "C.UTF-8"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refused("too_slow", f"The picture could not be decoded within {_PATIENCE_S:.0f} s.") from None
    try:
        said = json.loads(done.stdout)
    except ValueError:
        # Killed by a limit, or the decoder broke: nobody needs to know which.
        raise Refused("undecodable", "The picture takes more memory or time than any picture needs.") from None
    if "errno" in said:
        raise OSError(said["errno"], os.strerror(said["errno"]))
    if "reason" in said:
        raise Refused(said["reason"], said["message"])
    taken_at = said.pop("taken_at")
    return Picture(
        **{**said, "copies": tuple(said["copies"])},
        taken_at=None if taken_at is None else datetime.fromisoformat(taken_at),
    )


def bands(phash: int | None) -> list[int]:
    """Cut a hash into five numbers, each marked with its place. Two hashes that differ in at most four bits have one of
    them in common, so that similar pictures are found by an index.
    """
    if phash is None:
        return []
    left, cut = phash & (1 << 64) - 1, []
    for place, width in enumerate(_BANDS):
        cut.append(place << 13 | left & (1 << width) - 1)
        left >>= width
    return cut


# ---- what follows runs in the process of its own ---------------------------------------------------------------------


def _main(source: str, into: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)
    try:
        said = _developed(Path(source), Path(into))
    except Refused as error:
        said = {"reason": error.reason, "message": str(error)}
    except MemoryError:
        said = {"reason": "undecodable", "message": "The picture takes more memory than any picture needs."}
    sys.stdout.write(json.dumps(said))


def _developed(source: Path, into: Path) -> dict[str, Any]:
    from PIL import Image, PngImagePlugin, UnidentifiedImageError

    # Broken metadata is warned of and harmless; a bomb is not.
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = 2**20
    content = source.read_bytes()
    try:
        picture = Image.open(source, formats=("JPEG", "PNG", "WEBP"))
    except UnidentifiedImageError:
        kinds = "JPEG, PNG, WebP"
        raise Refused("type", f"This is none of the pictures that are taken ({kinds}).") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large() from None
    except MemoryError:
        raise
    except Exception:
        raise _damaged() from None
    with picture:
        width, height = picture.size
        if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
            raise _too_large(width, height)
        if picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
            raise Refused("animated", "The picture moves; send one that does not.")
        mime = MIME[picture.format or ""]
        try:
            # To the last pixel, a JPEG's as large as is shown: one that was cut short ends here.
            picture.draft(None, (SIZES["view"], SIZES["view"]))
            picture.load()
        except MemoryError:
            raise
        except Exception:
            raise _damaged() from None
        facts = _said_by_the_file(picture)
        turned = _TURNS.get(facts.pop("orientation"))
        # Smaller first: whatever is done after, it is done to few pixels.
        shown = _on_white(picture, SIZES["view"])
        if turned is not None:
            shown = shown.transpose(Image.Transpose[turned])
    copies = []
    try:
        for size, longest in SIZES.items():
            copy = shown.copy()
            copy.thumbnail((longest, longest), Image.Resampling.LANCZOS)
            copy.info.clear()
            file = into / f"{size}.jpg"
            copy.save(file, "JPEG", quality=85, optimize=True)
            copies.append(hashlib.sha256(file.read_bytes()).hexdigest())
    except OSError as error:
        if error.errno is None:
            raise
        return {"errno": error.errno}
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "mime": mime,
        "bytes": len(content),
        "width": height if turned in _LYING else width,
        "height": width if turned in _LYING else height,
        "phash": _phash(shown),
        "copies": copies,
        **facts,
    }


def _too_large(width: int = 0, height: int = 0) -> Refused:
    size = f"{width} x {height} pixels" if width else "too many pixels"
    return Refused("too_many_pixels", f"The picture has {size}; {MOST_PIXELS} and {LONGEST_SIDE} a side are the most.")


def _damaged() -> Refused:
    return Refused("damaged", "The file is incomplete or damaged: it cannot be decoded to its end.")


def _on_white(picture: Any, longest: int) -> Any:
    """The picture, small, in plain RGB; what was transparent is white. The picture itself becomes small by it: a copy
    would be another 160 MB.
    """
    from PIL import Image

    small = picture
    if small.mode == "P":
        small = small.convert("RGBA" if "transparency" in small.info else "RGB")
    elif small.mode.startswith("I;16") or small.mode in ("I", "F"):
        # 16 bits of grey, whose upper 8 are what a screen shows.
        small = small.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    elif small.mode in ("1", "LA", "PA", "La", "RGBa"):
        small = small.convert("RGBA" if "A" in small.mode.upper() else "L")
    small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    if small.mode == "RGBA":
        white = Image.new("RGB", small.size, "white")
        white.paste(small, mask=small.getchannel("A"))
        return white
    return small.convert("RGB")


def _said_by_the_file(picture: Any) -> dict[str, Any]:
    """What the file says of when, where and with what it was taken. Whatever of it makes no sense is left out."""
    said: dict[str, Any] = {"taken_at": None, "exif_lon": None, "exif_lat": None, "exif": {}, "orientation": 1}
    try:
        exif = picture.getexif()
        said["orientation"] = exif.get(0x0112, 1)
        more, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
        for name, tag in (("make", 0x010F), ("model", 0x0110), ("software", 0x0131)):
            if isinstance(text := exif.get(tag), str) and (text := _printable(text)):
                said["exif"][name] = text
        lon, lat = (_degrees(place.get(at), place.get(at - 1)) for at in (4, 2))
        if lon is not None and lat is not None and abs(lon) <= 180 and abs(lat) <= 90:
            said["exif_lon"], said["exif_lat"] = lon, lat
        said["taken_at"] = _moment(more.get(0x9003) or exif.get(0x0132))
    except Exception:  # noqa: S110  broken metadata is no metadata
        pass
    return said


def _printable(text: str) -> str:
    return "".join(each for each in text[:64] if each.isprintable()).strip()


def _degrees(parts: Any, side: Any) -> float | None:
    degrees, minutes, seconds = (float(part) for part in parts) if parts else (math.nan,) * 3
    value = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(value):
        return None
    return -value if str(side).strip("\0 ")[:1] in ("S", "W") else value


def _moment(text: Any) -> str | None:
    try:
        return datetime.strptime(str(text).strip("\0 ")[:19], "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        return None


def _phash(picture: Any) -> int | None:
    """What a picture looks like, in 64 bits: its 64 lowest frequencies (DCT of 32 x 32 greys), each above their median
    or not, as imagehash and others do it. Signed, as PostgreSQL's bigint is.
    """
    from PIL import Image

    grey = picture.convert("L")
    small: list[int] = list(grey.resize((32, 32), Image.Resampling.LANCZOS).tobytes())
    mean = sum(small) / 1024
    if math.sqrt(sum((value - mean) ** 2 for value in small) / 1024) < _FLAT:
        return None
    cosines = [[math.cos(math.pi * u * (2 * x + 1) / 64) for x in range(32)] for u in range(8)]
    rows = [
        [sum(c * v for c, v in zip(cos, small[y * 32 : y * 32 + 32], strict=True)) for cos in cosines]
        for y in range(32)
    ]
    lowest = [sum(cos[y] * rows[y][u] for y in range(32)) for cos in cosines for u in range(8)]
    # The first is how bright the whole is, which says nothing.
    middle = sorted(lowest[1:])[31]
    found = sum((value > middle) << n for n, value in enumerate([middle, *lowest[1:]]))
    return found - (1 << 64) if found >> 63 else found


if __name__ == "__main__":
    _main(*sys.argv[1:3])
