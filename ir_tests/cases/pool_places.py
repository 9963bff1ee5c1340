"""Cases of the rules in passes/rules/pool_places.py."""

from cases import Case

BOTH = "real = Cast<to = 1>(at)  y = Add(top, real)"

CASES = (
    Case(
        "expand-max-pool-places",
        f"top, at = MaxPool<kernel_shape = [2, 2], pads = [1, 0, 0, 0]>(x)  {BOTH}",
    ),
    Case("expand-max-pool-places", "y = MaxPool<kernel_shape = [2, 2]>(x)", "nobody asks"),
    Case(
        "expand-max-pool-places",
        f"top, at = MaxPool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(x)  {BOTH}",
        "pads are not explicit",
    ),
    Case(
        "expand-max-pool-places",
        f"top, at = MaxPool<kernel_shape = [9, 9]>(x)  {BOTH}",
        "more than 64 positions",
        x="float[1,2,12,12]",
    ),
)
