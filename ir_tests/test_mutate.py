"""The seeded bugs are those of today's code; that tests catch them is `make mutate`'s to say."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutate import Mutation, seeded

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("mutation", seeded(), ids=lambda m: m.bug.replace(" ", "-"))
def test_a_seeded_bug_still_has_its_place(mutation: Mutation) -> None:
    assert (ROOT / mutation.file).read_text().count(mutation.old) == 1
