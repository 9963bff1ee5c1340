"""What holds for every test: nothing comes from the cache unless a test is about the cache.

And no drawn case fails for taking long: that is the machine's load, not the case. What asks the
vendor's own tools is skipped where they are not. A module's generator `RNG` gives every test the
same numbers, whichever tests ran before it.
"""

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from mmc.backends.targets import vendor

os.environ["MMC_NO_CACHE"] = "1"
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
STATES: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def _fresh_numbers(request: pytest.FixtureRequest) -> None:
    """Put the generator of the test's module back to where it was after the import."""
    module = getattr(request, "module", None)
    generator = getattr(module, "RNG", None)
    if module is not None and isinstance(generator, np.random.Generator):
        bits = generator.bit_generator
        bits.state = STATES.setdefault(module.__name__, bits.state)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked `vendor` without the extra hexagon, and say what is missing."""
    if why := vendor.missing():
        for item in items:
            if item.get_closest_marker("vendor") is not None:
                item.add_marker(pytest.mark.skip(reason=why))
