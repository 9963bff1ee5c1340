"""mmc, the mobile model compiler: ONNX in, verified mobile models out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmc.deferred import defer

defer()

__version__ = "0.1.0"

if TYPE_CHECKING:
    from mmc.api import check as check
    from mmc.api import compile as compile
    from mmc.api import quantize as quantize
    from mmc.api import run as run
    from mmc.api import sensitivity as sensitivity
    from mmc.diagnostics import MmcError as MmcError

_API = ("check", "compile", "quantize", "run", "sensitivity")


def __dir__() -> list[str]:
    """Return the names for completion: those that are imported on first use too."""
    return sorted({*globals(), *_API, "MmcError"})


def __getattr__(name: str) -> Any:
    """Import the API, and its error, on first use: `import mmc` alone costs nothing."""
    if name in _API:
        from mmc import api

        return getattr(api, name)
    if name == "MmcError":
        from mmc.diagnostics import MmcError

        return MmcError
    raise AttributeError(f"module 'mmc' has no attribute {name!r}")
