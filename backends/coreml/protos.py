"""The protobuf classes of Core ML's file format, without the rest of coremltools.

Importing coremltools takes 2 s and 100 MB, its generated protobuf modules 0.15 s. They are loaded
here as a package of their own; a later `import coremltools` gets the same classes, since both
register the same files. This is the one place that knows where they lie (coremltools 9.0).
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

PACKAGE = "mmc_coreml_protos"


@cache
def mil() -> Any:
    """Return the module of MIL programs."""
    return _module("MIL_pb2")


@cache
def model() -> Any:
    """Return the module of models."""
    return _module("Model_pb2")


@cache
def features() -> Any:
    """Return the module of input and output types."""
    return _module("FeatureTypes_pb2")


def _module(name: str) -> Any:
    if PACKAGE not in sys.modules:
        tools = find_spec("coremltools")
        if tools is None or tools.origin is None:
            raise ImportError("coremltools is not installed: it brings Core ML's file format")
        folder = Path(tools.origin).parent / "proto"
        spec = spec_from_file_location(
            PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        sys.modules[PACKAGE] = module_from_spec(spec)
    return import_module(f"{PACKAGE}.{name}")
