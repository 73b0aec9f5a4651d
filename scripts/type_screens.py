"""Types the screens by the API's description: ``make types`` writes api/screens/shared/openapi.d.ts anew.

What makes the types runs on an older compiler than the one that checks them, so both are fetched for this alone and are
no part of the screens. The file is kept with the sources: whoever builds the screens needs neither them nor Python.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent
FILE = PROJECT / "api" / "screens" / "shared" / "openapi.d.ts"
_TOOLS = ("openapi-typescript@7.13.0", "typescript@5.9.3")


def document() -> dict[str, Any]:
    """The API's description, without the version of the release that tells it."""
    from api.app import create_app
    from gisops.settings import Settings

    told = create_app(Settings(_env_file=None)).openapi()
    return {**told, "info": {**told["info"], "version": "0"}}


def head(told: dict[str, Any]) -> str:
    """The first line of the file: of which description it is."""
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return f"// Made by `make types` of the API's description {digest}\n"


def main() -> None:
    """Write the file."""
    sys.path.insert(0, str(PROJECT))
    from hatch_build import environment, npm_command

    npm, told = npm_command(), document()
    tools = [f"--package={tool}" for tool in _TOOLS]
    with tempfile.TemporaryDirectory() as folder:
        description, made = Path(folder, "openapi.json"), Path(folder, "openapi.d.ts")
        description.write_text(json.dumps(told))
        # What has a default need not be sent.
        words = [
            "openapi-typescript",
            str(description),
            "-o",
            str(made),
            "--alphabetize",
            "--default-non-nullable=false",
        ]
        subprocess.run([*npm, "exec", "--yes", *tools, "--", *words], cwd=folder, env=environment(npm), check=True)
        FILE.write_text(head(told) + made.read_text())


if __name__ == "__main__":
    main()
