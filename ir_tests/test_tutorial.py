"""docs/tutorial.md does what it says: every command and every line of Python, in order."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEAD = """
import shlex, subprocess, sys

def sh(line):
    print("$", line, flush=True)
    words = shlex.split(line)
    assert words[0] == "mmc"
    subprocess.run([sys.executable, "-m", *words], check=True)
"""


def program(text: str) -> str:
    """Return the page as one program."""
    parts = [HEAD]
    for language, block in BLOCK.findall(text):
        lines = [f"sh({line!r})" for line in block.splitlines() if line.strip()]
        parts.append("\n".join(lines) if language == "sh" else block)
    return "\n".join(parts)


def test_python_is_formatted_and_commands_are_ours() -> None:
    text = (ROOT / "docs" / "tutorial.md").read_text()
    compile(program(text), "tutorial.md", "exec")
    for language, block in BLOCK.findall(text):
        for line in block.splitlines() if language == "sh" else ():
            assert shlex.split(line)[0] == "mmc"


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path: Path) -> None:
    (tmp_path / "golden_models").symlink_to(ROOT / "golden_models")
    (tmp_path / "tutorial.py").write_text(program((ROOT / "docs" / "tutorial.md").read_text()))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "c")}
    environment.pop("MMC_NO_CACHE", None)
    done = subprocess.run(
        [sys.executable, "tutorial.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "?" in done.stdout.splitlines()[-1]
