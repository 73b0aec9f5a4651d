"""What is taken for a picture and what is not, and that what is shown of one holds nothing but its pixels."""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from functools import cache
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, PngImagePlugin

from gisops import pictures
from gisops.pictures import MOST_PIXELS, SAME_WITHIN, Picture, Refused, bands, develop
from tests.photos import as_bytes, exif, jpeg, scene


def developed(folder: Path, content: bytes) -> Picture:
    file = folder / "sent"
    file.write_bytes(content)
    return develop(file, folder)


def refused(folder: Path, content: bytes) -> str:
    with pytest.raises(Refused) as error:
        developed(folder, content)
    assert not list(folder.glob("*.jpg"))
    return error.value.reason


def outcome(folder: Path, content: bytes) -> str:
    """Why it is refused, or that it is taken."""
    try:
        developed(folder, content)
    except Refused as error:
        return error.reason
    return "taken"


_MEASURE = """
import resource, sys
from pathlib import Path
from gisops.pictures import Refused, develop
try:
    develop(Path(sys.argv[1]), Path(sys.argv[2]))
    what = "taken"
except Refused as error:
    what = error.reason
print(what, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, colour: int = 0) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(chunks) + chunk(b"IEND", b"")


# ---- what is taken ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "mime"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp"), ("MPO", "image/jpeg")]
)
def test_a_picture_of_each_kind_is_taken(tmp_path: Path, form: str, mime: str) -> None:
    more = {"save_all": True, "append_images": [scene(2)]} if form == "MPO" else {}
    picture = developed(tmp_path, as_bytes(scene(1, (900, 600)), form, **more))
    assert (picture.mime, picture.width, picture.height) == (mime, 900, 600)
    for size, wanted in (("view", (900, 600)), ("large", (640, 427)), ("small", (160, 107))):
        with Image.open(tmp_path / f"{size}.jpg") as shown:
            assert (shown.size, shown.format) == (wanted, "JPEG")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "YCbCr"])
def test_whatever_the_pixels_are_made_of(tmp_path: Path, mode: str) -> None:
    source = scene(3)
    if mode == "I;16":
        source = Image.frombytes(
            "I;16", source.size, b"".join(struct.pack("<H", v * 257) for v in source.convert("L").tobytes())
        )
    else:
        source = source.convert(mode)
    form = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    developed(tmp_path, as_bytes(source, form))
    with Image.open(tmp_path / "small.jpg") as shown:
        assert shown.mode == "RGB"
        wanted = scene(3).convert("L").resize(shown.size)
        grey = shown.convert("L")
        near = sum(abs(a - b) for a, b in zip(wanted.tobytes(), grey.tobytes(), strict=True)) / len(grey.tobytes())
    # one bit a pixel is another picture, but of the same thing
    assert near < (40 if mode == "1" else 12)


def test_what_is_transparent_is_shown_white(tmp_path: Path) -> None:
    developed(tmp_path, as_bytes(Image.new("RGBA", (50, 50), (0, 0, 0, 0)), "PNG"))
    with Image.open(tmp_path / "view.jpg") as shown:
        assert shown.getpixel((25, 25)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_shown_upright(tmp_path: Path, orientation: int) -> None:
    """A corner that is red in the picture as it is looked at is red in the copy, however the camera was held."""
    upright = Image.new("RGB", (120, 80), "blue")
    upright.paste("red", (0, 0, 40, 30))
    turned = {
        1: upright, 2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.transpose(Image.Transpose.ROTATE_180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM), 5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.transpose(Image.Transpose.ROTATE_90), 7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.transpose(Image.Transpose.ROTATE_270),
    }[orientation]  # fmt: skip
    picture = developed(tmp_path, as_bytes(turned, "JPEG", quality=95, exif=exif(110.3, 20.0, orientation=orientation)))
    assert (picture.width, picture.height) == (120, 80)
    with Image.open(tmp_path / "view.jpg") as shown:
        assert shown.size == (120, 80)
        red, _, blue = shown.getpixel((10, 10))  # type: ignore[misc]
        assert red > 200 > 100 > blue
        red, _, blue = shown.getpixel((110, 70))  # type: ignore[misc]
        assert blue > 200 > 100 > red


# ---- what the file says of itself -----------------------------------------------------------------------------------


def test_what_a_file_says_is_read_and_kept_apart(tmp_path: Path) -> None:
    picture = developed(tmp_path, jpeg(4, exif=exif(110.3541, -20.0335)))
    assert (picture.exif_lon, picture.exif_lat) == (
        pytest.approx(110.3541, abs=1e-6),
        pytest.approx(-20.0335, abs=1e-6),
    )
    assert str(picture.taken_at) == "2026-11-22 14:18:00"
    assert picture.exif == {"make": "SampleMake", "model": "SampleModel"}


def test_nothing_of_it_is_in_what_is_shown(tmp_path: Path) -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text("Comment", "HIDDEN-WORDS")
    told.add_itxt("XML:com.adobe.xmp", "HIDDEN-WORDS")
    for content in (
        jpeg(5, exif=exif(110.3541, 20.0335), comment=b"HIDDEN-WORDS", icc_profile=b"HIDDEN-WORDS" * 20),
        as_bytes(scene(5), "PNG", pnginfo=told, exif=exif(110.3541, 20.0335)),
        as_bytes(scene(5), "WEBP", exif=exif(110.3541, 20.0335), xmp=b"HIDDEN-WORDS"),
    ):
        assert b"HIDDEN-WORDS" in content
        assert b"SampleMake" in content
        developed(tmp_path, content)
        for size in pictures.SIZES:
            shown = (tmp_path / f"{size}.jpg").read_bytes()
            assert b"HIDDEN-WORDS" not in shown
            assert b"SampleMake" not in shown
            assert b"Exif" not in shown
            with Image.open(io.BytesIO(shown)) as copy:
                assert not dict(copy.getexif())
                assert set(copy.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize(
    "said",
    [
        b"Exif\0\0" + b"\xff" * 60_000,
        b"Exif\0\0II*\0\x08\0\0\0" + b"\xff\xff" + b"\0" * 60_000,
        b"Exif\0\0MM\0*\0\0\0\x08" + bytes(range(256)) * 200,
    ],
    ids=["no EXIF at all", "65,535 entries", "anything"],
)
def test_broken_and_huge_metadata_is_no_metadata(tmp_path: Path, said: bytes) -> None:
    plain = jpeg(6)
    content = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(said) + 2) + said + plain[2:]
    picture = developed(tmp_path, content)
    assert (picture.exif_lon, picture.exif_lat) == (None, None)
    assert (picture.width, picture.height) == (320, 240)


def test_a_place_that_cannot_be_is_none(tmp_path: Path) -> None:
    told = exif(0, 0)
    place = told.get_ifd(0x8825)
    place[2], place[4] = (500.0, 0.0, 0.0), (10.0, 0.0, 0.0)
    picture = developed(tmp_path, jpeg(7, exif=told))
    assert (picture.exif_lon, picture.exif_lat) == (None, None)


# ---- what is not ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("tenths", range(1, 10))
def test_a_file_that_was_cut_short_is_refused(tmp_path: Path, form: str, tenths: int) -> None:
    whole = as_bytes(scene(8, (640, 480)), form)
    assert refused(tmp_path, whole[: len(whole) * tenths // 10]) in ("type", "damaged")


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
def test_a_png_with_a_wrong_byte_is_refused(tmp_path: Path, at: float) -> None:
    whole = bytearray(as_bytes(scene(9), "PNG"))
    whole[int(len(whole) * at)] ^= 0x55
    assert refused(tmp_path, bytes(whole)) == "damaged"


NO_PICTURES = {
    "nothing": b"",
    "text": b"hello " * 1000,
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "HTML": b"<!doctype html><script>alert(1)</script>",
    "GIF": as_bytes(scene(1), "GIF"),
    "BMP": as_bytes(scene(1), "BMP"),
    "TIFF": as_bytes(scene(1), "TIFF"),
    "ICO": as_bytes(scene(1).resize((64, 64)), "ICO"),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
    "PDF": as_bytes(scene(1), "PDF"),
    "zip": (lambda file: (zipfile.ZipFile(file, "w").close(), file.getvalue())[1])(io.BytesIO()),
    "a name that lies": b"\xff\xd8\xff\xe0" + b"\0" * 5000,
}


@pytest.mark.parametrize("what", NO_PICTURES)
def test_other_files_are_refused(tmp_path: Path, what: str) -> None:
    assert refused(tmp_path, NO_PICTURES[what]) in ("type", "damaged")


def zeros(count: int) -> bytes:
    """So many zeros, packed; a piece that begins anew can be repeated without packing it again."""
    packer = zlib.compressobj(9)
    head = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + piece * (count // 2**20 - 1)


@cache
def bombs() -> dict[str, bytes]:
    once = zeros(30_000 * 30_001)
    return {
        "a PNG of 30,000 x 30,000": png(30_000, 30_000, chunk(b"IDAT", once)),
        "one that says it is small": png(100, 100, chunk(b"IDAT", once)),
        "one that says it is enormous": png(2**31 - 1, 2**31 - 1, chunk(b"IDAT", b"")),
        "compressed words": png(
            8, 8, chunk(b"zTXt", b"c\0\0" + zeros(400 * 2**20)), chunk(b"IDAT", zlib.compress(bytes(72)))
        ),
        "compressed words, many": png(
            8, 8, *[chunk(b"zTXt", b"c\0\0" + zeros(2**20 - 1))] * 100, chunk(b"IDAT", zlib.compress(bytes(72)))
        ),
        "a compressed profile": png(
            8, 8, chunk(b"iCCP", b"p\0\0" + zeros(400 * 2**20)), chunk(b"IDAT", zlib.compress(bytes(72)))
        ),
        "a bomb in a bomb": png(8, 8, chunk(b"IDAT", zlib.compress(once, 9)), colour=2),
        "a JPEG of 65,500 x 65,500": _resized_jpeg(65_500, 65_500),
        "a long thin one": png(40_000, 900, chunk(b"IDAT", zeros(40_001 * 900))),
    }


WHAT_BECOMES = {
    "a PNG of 30,000 x 30,000": {"too_many_pixels"},
    "one that says it is small": {"taken", "damaged"},
    "one that says it is enormous": {"too_many_pixels"},
    "compressed words": {"damaged"},
    "compressed words, many": {"damaged"},
    "a compressed profile": {"taken", "damaged"},
    "a bomb in a bomb": {"damaged"},
    "a JPEG of 65,500 x 65,500": {"too_many_pixels"},
    "a long thin one": {"too_many_pixels"},
}


def _resized_jpeg(width: int, height: int) -> bytes:
    """A JPEG whose head says another size than it has."""
    small = as_bytes(Image.new("L", (16, 16)), "JPEG")
    at = small.index(b"\xff\xc0")
    return small[: at + 5] + struct.pack(">HH", height, width) + small[at + 9 :]


@pytest.mark.parametrize("what", WHAT_BECOMES)
def test_a_bomb_is_refused_in_little_time_and_memory(tmp_path: Path, what: str) -> None:
    content = bombs()[what]
    assert len(content) < 10_000_000
    began = time.monotonic()
    (tmp_path / "bomb").write_bytes(content)
    # In a process of its own, as only the largest of all children is told.
    told = subprocess.run(
        [sys.executable, "-c", _MEASURE, tmp_path / "bomb", tmp_path],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    ).stdout.split()  # fmt: skip
    # What is not unpacked does no harm: a picture that says it is small is small, whatever comes behind it.
    assert told[0] in WHAT_BECOMES[what]
    assert time.monotonic() - began < 10
    assert int(told[1]) * 1024 < pictures._MEMORY_BYTES


def test_as_many_pixels_as_are_taken_are_taken(tmp_path: Path) -> None:
    side = int(MOST_PIXELS**0.5)
    picture = developed(tmp_path, as_bytes(Image.new("RGB", (side, side), "red"), "PNG", compress_level=1))
    assert picture.width * picture.height <= MOST_PIXELS
    for file in tmp_path.glob("*.jpg"):
        file.unlink()
    larger = as_bytes(Image.new("1", (side + 100, side)), "PNG")
    assert refused(tmp_path, larger) == "too_many_pixels"


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_what_moves_is_refused(tmp_path: Path, form: str) -> None:
    moving = as_bytes(scene(1), form, save_all=True, append_images=[scene(2), scene(3)], duration=100)
    assert refused(tmp_path, moving) == "animated"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_what_is_hidden_behind_a_picture_is_not_shown(tmp_path: Path, form: str) -> None:
    """A file that is a picture and a program at once: what people get is the picture."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("index.html", "<script>HIDDEN-WORDS</script>")
    content = as_bytes(scene(10), form) + b"<script>HIDDEN-WORDS</script>" + file.getvalue()
    assert zipfile.is_zipfile(io.BytesIO(content))
    if outcome(tmp_path, content) != "taken":
        return  # Pillow's mind about it changes with its version; either is fine
    for size in pictures.SIZES:
        shown = (tmp_path / f"{size}.jpg").read_bytes()
        assert b"HIDDEN-WORDS" not in shown
        assert not zipfile.is_zipfile(io.BytesIO(shown))


def test_anything_at_all_ends_as_a_picture_or_a_refusal(tmp_path: Path) -> None:
    """Bytes changed at random in pictures of every kind."""
    rng = random.Random(20)
    sources = [as_bytes(scene(11, (96, 64)), form) for form in ("JPEG", "PNG", "WEBP")]
    for n in range(15):
        content = bytearray(sources[n % 3])
        for _ in range(rng.choice((1, 3, 20))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        known = ("taken", "type", "damaged", "too_many_pixels", "animated", "undecodable")
        assert outcome(tmp_path, bytes(content)) in known


def test_a_decoder_that_dies_or_hangs_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sent").write_bytes(jpeg(1))
    for program, reason in (("import os; os.abort()", "undecodable"), ("import time; time.sleep(60)", "too_slow")):
        monkeypatch.setattr(pictures, "_PATIENCE_S", 0.5)
        broken = tmp_path / "broken.py"
        broken.write_text(program)
        monkeypatch.setattr(pictures, "__file__", str(broken))
        with pytest.raises(Refused) as error:
            develop(tmp_path / "sent", tmp_path)
        assert error.value.reason == reason


def test_the_process_that_decodes_needs_nothing_of_gisops() -> None:
    """It takes 60 ms and not 600 because of that."""
    import subprocess
    import sys

    asked = (
        "import runpy, sys; sys.argv[1:] = ['x', 'y']\n"
        "try: runpy.run_path(%r, run_name='__main__')\n"
        "except FileNotFoundError: pass\n"
        "import json; print(json.dumps(sorted(m for m in sys.modules if m.partition('.')[0] in ('gisops', 'numpy'))))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", asked % pictures.__file__], capture_output=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


# ---- what looks alike -----------------------------------------------------------------------------------------------


def differing(one: int | None, other: int | None) -> int:
    assert one is not None
    assert other is not None
    return ((one ^ other) & (1 << 64) - 1).bit_count()


def again(picture: Image.Image) -> dict[str, bytes]:
    """The same picture, as it comes out of chat programs, galleries and hands that mean no good."""
    wide, high = picture.size
    return {
        "saved poorly": as_bytes(picture, "JPEG", quality=30),
        "saved as PNG": as_bytes(picture, "PNG"),
        "saved as WebP": as_bytes(picture, "WEBP", quality=60),
        "half as large": as_bytes(picture.resize((wide // 2, high // 2)), "JPEG"),
        "another shape": as_bytes(picture.resize((wide, high * 3 // 4)), "JPEG"),
        "in grey": as_bytes(picture.convert("L"), "JPEG"),
        "brighter": as_bytes(ImageEnhance.Brightness(picture).enhance(1.15), "JPEG"),
        "a line trimmed": as_bytes(picture.crop((1, 1, wide - 1, high - 1)), "JPEG"),
    }


@pytest.mark.parametrize("seed", range(2))
def test_the_same_picture_is_known_again(tmp_path: Path, seed: int) -> None:
    picture = scene(100 + seed, (960, 720))
    first = developed(tmp_path, as_bytes(picture, "JPEG", quality=92))
    for what, content in again(picture).items():
        other = developed(tmp_path, content)
        assert other.sha256 != first.sha256
        assert differing(first.phash, other.phash) <= SAME_WITHIN, what
        assert set(bands(first.phash)) & set(bands(other.phash)), what


def test_other_pictures_are_others(tmp_path: Path) -> None:
    hashes = [developed(tmp_path, jpeg(seed)).phash for seed in range(200, 216)]
    nearest = min(differing(a, b) for n, a in enumerate(hashes) for b in hashes[:n])
    assert nearest > 2 * SAME_WITHIN


def test_what_shows_nothing_looks_like_nothing(tmp_path: Path) -> None:
    assert developed(tmp_path, as_bytes(Image.new("RGB", (400, 300), (9, 9, 9)), "JPEG")).phash is None
    assert bands(None) == []


def test_hashes_that_differ_in_four_bits_share_a_band() -> None:
    rng = random.Random(7)
    for _ in range(2000):
        one = rng.getrandbits(64)
        other = one
        for bit in rng.sample(range(64), SAME_WITHIN):
            other ^= 1 << bit
        signed = [value - (1 << 64) if value >> 63 else value for value in (one, other)]
        assert set(bands(signed[0])) & set(bands(signed[1]))
        assert len(set(bands(signed[0]))) == 5
