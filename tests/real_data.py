"""Where the real data lies that tests read: in ``GISOPS_TEST_DATA``, else beside the project. It is not shipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_ROOT = Path(os.environ.get("GISOPS_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def real_data(name: str) -> Path:
    """One folder of real data; the test is skipped where it is absent."""
    folder = _ROOT / name
    if not folder.is_dir():
        pytest.skip(f"the real data {name!r} is not in the folder GISOPS_TEST_DATA names")
    return folder
