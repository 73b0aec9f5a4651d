"""Zip archives: looked through before anything is unpacked, and only what is wanted is.

A Shapefile is several files, so it travels as a zip; from a stranger a zip may also be cut off, locked, full of other
zips, a bomb of a few kilobytes that unpacks to terabytes, or hold names that lead out of its folder.
"""

from __future__ import annotations

import re
import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gisops.loads.batches import Finding, Options
from gisops.loads.failures import LayerNotChosen, UnreadableFile, UnsafeArchive
from gisops.loads.findings import found

DATASETS = (".shp", ".gpkg", ".geojson", ".json", ".fgb", ".parquet", ".geoparquet", ".csv", ".tsv")
_NESTED = (".zip", ".rar", ".7z", ".tar", ".tgz", ".gz", ".bz2", ".xz")
MOST_MEMBERS = 10_000


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The data set that was unpacked, the other data sets' names, and what was found."""

    path: Path
    datasets: list[str]
    findings: list[Finding]


def unpack(path: Path, options: Options, into: Path) -> Unpacked:
    """Unpack the one data set of an archive (``options.layer`` names it if there are several) into a folder.

    Raises `UnreadableFile` for what is cut off or damaged, `UnsafeArchive` for a bomb, a lock, a nest or a way out,
    and `LayerNotChosen`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {_name(one): one for one in archive.infolist() if not one.is_dir()}
            _check(path, archive, options)
            wanted, datasets = _choose(path, members, options)
            stem = _stem(wanted)
            parts = {name for name in members if _stem(name) == stem} if wanted.lower().endswith(".shp") else {wanted}
            for name in parts:
                # A file's own name only: folders of the archive are not made again.
                with archive.open(members[name]) as packed, (into / PurePosixPath(name).name).open("xb") as out:
                    shutil.copyfileobj(packed, out, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, FileExistsError) as error:
        raise UnreadableFile(f"{path.name} is cut off or damaged: {error}", file=path.name) from error
    others = sorted(set(members) - parts)
    findings = [found(None, "ignored_files", names=", ".join(others)[:200])] if others else []
    return Unpacked(into / PurePosixPath(wanted).name, datasets, findings)


def _check(path: Path, archive: zipfile.ZipFile, options: Options) -> None:
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise _unsafe(path, f"it holds {len(members)} files, more than {MOST_MEMBERS}")
    unpacked, packed = sum(one.file_size for one in members), sum(one.compress_size for one in members)
    if unpacked > options.max_unpacked_bytes:
        raise _unsafe(path, f"it would unpack to {unpacked} bytes, more than {options.max_unpacked_bytes}")
    # Small files of blanks pack well and harm nobody.
    if unpacked > 10_000_000 and unpacked > options.max_ratio * max(packed, 1):
        raise _unsafe(
            path,
            f"it would unpack to {unpacked // max(packed, 1)} times its size, more than {options.max_ratio:g} times",
        )
    for one in members:
        name = _name(one)
        if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
            raise _unsafe(path, f"the name {name[:80]!r} leads out of its folder")
        if one.flag_bits & 0x1:
            raise _unsafe(path, f"{name[:80]!r} is locked with a password; unpack it yourself and load what is in it")


def _choose(path: Path, members: dict[str, zipfile.ZipInfo], options: Options) -> tuple[str, list[str]]:
    datasets = sorted(name for name in members if name.lower().endswith(DATASETS) and not name.startswith("__MACOSX/"))
    if not datasets:
        nested = sorted(name for name in members if name.lower().endswith(_NESTED))
        if nested:
            raise _unsafe(path, f"it holds an archive in an archive ({nested[0][:80]!r}); unpack the outer one")
        raise UnreadableFile(
            f"{path.name} holds no file that can be loaded ({', '.join(DATASETS)}); it holds "
            f"{', '.join(sorted(members)[:10]) or 'nothing'}.",
            file=path.name,
        )
    names = [PurePosixPath(name).stem for name in datasets]
    if len(datasets) == 1:
        return datasets[0], names
    chosen = [one for one, name in zip(datasets, names, strict=True) if options.layer in (name, one)]
    if len(chosen) != 1:
        shown = datasets if options.layer in names else names
        raise LayerNotChosen(
            f"{path.name} holds {len(datasets)} data sets: {', '.join(shown)}; say which one as the layer.",
            file=path.name,
            layers=shown,
        )
    return chosen[0], names


def _unsafe(path: Path, why: str) -> UnsafeArchive:
    return UnsafeArchive(f"{path.name} is not unpacked: {why}.", file=path.name)


def _stem(name: str) -> str:
    """Folder and name without the suffix; of a Shapefile's ``x.shp.xml`` it is another."""
    return str(PurePosixPath(name).with_suffix("")).lower()


def _name(one: zipfile.ZipInfo) -> str:
    """A member's name. Without the flag for UTF-8 Python takes it for code page 437; it is GBK more often."""
    if one.flag_bits & 0x800:
        return one.filename
    try:
        raw = one.filename.encode("cp437")
    except UnicodeEncodeError:
        return one.filename
    for codec in ("utf-8", "gb18030"):
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            continue
    return one.filename
