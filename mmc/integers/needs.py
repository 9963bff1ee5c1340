"""What integer activations need: integer weights, and data to choose ranges from."""

from __future__ import annotations

from mmc.diagnostics import UsageError
from mmc.options import CompileOptions

FIX = "add --calibration DATA: real inputs, some 100 of them"
BOTH = "add --weights int8 --calibration DATA"


def check_needs(options: CompileOptions, *, stored: bool = False) -> None:
    """Refuse integer activations without what they need (UsageError MMC305).

    Args:
        stored: weights become integers whatever the options say.
    """
    coded = stored or options.integer_weights
    if not options.activation_bits or (coded and options.calibration):
        return
    what, fix = "needs data to calibrate on", FIX
    if not coded:
        what, fix = "needs integer weights and data to calibrate on", BOTH
    raise UsageError("MMC305", f"--activations {options.activations}", what, fix=fix)
