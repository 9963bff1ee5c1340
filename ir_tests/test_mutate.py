"""The seeded bugs are those of today's code; that tests catch them is `make mutate`'s to say."""

from __future__ import annotations

from pathlib import Path

import mutate
import pytest
from mutate import Mutation, seeded

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("mutation", seeded(), ids=lambda m: m.bug.replace(" ", "-"))
def test_a_seeded_bug_still_has_its_place(mutation: Mutation) -> None:
    assert (ROOT / mutation.file).read_text().count(mutation.old) == 1


def test_a_module_without_rules_is_watched_by_the_tests_of_its_users() -> None:
    assert "|scaled-dot-product" in mutate.tests_of("passes/rules/scores.py")[0]


def test_a_pass_is_watched_by_the_tests_that_import_it() -> None:
    assert "test_rotations.py" in mutate.tests_of("passes/merge_rotations.py")


def test_without_files_every_watched_folder_is_broken() -> None:
    files = mutate.watched()
    assert {"passes/fuse_qkv.py", "passes/rules/pads.py", "mmc/layout/cut.py"} <= set(files)
    assert all(mutate.tests_of(file) for file in files)
