"""Why a file as a whole cannot be read. What is wrong with single rows is a finding and no error."""

from __future__ import annotations

from gisops.errors import InvalidInput


class LoadError(InvalidInput):
    """This file cannot be loaded."""

    code = "load_error"


class UnreadableFile(LoadError):
    """The file is absent, incomplete, or not what its name says."""

    code = "unreadable_file"


class UnsafeArchive(LoadError):
    """The archive is one that is not unpacked."""

    code = "unsafe_archive"


class LayerNotChosen(LoadError):
    """The file holds several layers, and it was not said which to take."""

    code = "layer_not_chosen"


class UndeclaredCrs(LoadError):
    """The system of the coordinates must be declared."""

    code = "undeclared_crs"


class CrsConflict(LoadError):
    """The declared system is not the one that the file states."""

    code = "crs_conflict"


class UnknownEncoding(LoadError):
    """The encoding of the text cannot be told."""

    code = "unknown_encoding"


class MissingGeometry(LoadError):
    """The file does not have the geometry that is needed."""

    code = "missing_geometry"


class InvalidDate(LoadError):
    """The text is no date, or one that can be read in two ways."""

    code = "invalid_date"
