"""Where the real data lies that tests read: in ``GISOPS_TEST_DATA``, else beside the project. It is not shipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_ROOT = Path(os.environ.get("GISOPS_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def real_data(*names: str) -> Path:
    """A folder or file of the real data; the test is skipped where it is absent."""
    found = _ROOT.joinpath(*names)
    if not found.exists():
        pytest.skip(f"the real data {'/'.join(names)} is not in the folder GISOPS_TEST_DATA names")
    return found
