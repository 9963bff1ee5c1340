"""The pages about codes and symptoms: fresh, complete, and naming only what there is."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmc.cli import build_parser
from mmc.target import targets

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "troubleshooting.md"


def sections() -> dict[str, str]:
    """Return the text of every code's section."""
    parts = re.split(r"^### (MMC\d{3})$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_page_is_fresh() -> None:
    command = [sys.executable, str(DOCS / "troubleshooting.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == PAGE.read_text(), f"run {' '.join(command)} > {PAGE}"


def test_every_code_in_the_code_has_a_section_that_says_something() -> None:
    root, found = DOCS.parent, sections()
    for folder in ("mmc", "passes", "backends"):
        for path in (root / folder).rglob("*.py"):
            for code in re.findall(r'"(MMC\d{3})"', path.read_text()):
                assert code in found, f"{code} of {path}"
                words = [line for line in found[code].splitlines() if line.strip()]
                assert any(not line.startswith("From `") for line in words), code


def test_a_section_says_what_why_and_fix() -> None:
    text = sections()["MMC115"]
    assert "open dimension" in text
    assert "why: the model's other shapes are computed from these" in text
    assert "`mmc/shapes.py`" in text


def test_links_lead_somewhere() -> None:
    for page in DOCS.glob("*.md"):
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def commands(page: Path) -> list[list[str]]:
    """Return the words of every `mmc ...` in a page."""
    return [found.split() for found in re.findall(r"`mmc ([^`]+)`", page.read_text())]


@pytest.mark.parametrize("page", ["symptoms.md", "diagnostics.md"])
def test_commands_and_options_exist(page: str) -> None:
    subparsers = next(
        a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)
    )
    for name, *words in commands(DOCS / page):
        parser = subparsers.choices[name]
        hidden = {
            s for a in parser._actions if a.help == argparse.SUPPRESS for s in a.option_strings
        }
        for place, word in enumerate(words):
            if word.startswith("-") and word != "--":
                assert word in parser._option_string_actions, f"mmc {name} {word}"
                assert word not in hidden, f"mmc {name} {word} is not there yet"
            if word == "--target":
                assert words[place + 1] in targets()


def test_options_of_symptoms_exist() -> None:
    every = {
        spelling
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
        for parser in action.choices.values()
        for spelling in parser._option_string_actions
    }
    for word in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", (DOCS / "symptoms.md").read_text()):
        assert word in every, word
