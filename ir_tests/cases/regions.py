"""Cases of the rules in passes/rules/regions.py."""

from cases import Case

IMAGES = "i = Constant<value = int64[2] {0, 0}>()"
SIZE = "output_height = 1, output_width = 2"

CASES = (
    Case(
        "roi-align", f"{IMAGES} y = RoiAlign<{SIZE}, sampling_ratio = 1>(x, z, i)", z="float[2,4]"
    ),
    Case(
        "roi-align",
        f"{IMAGES} y = RoiAlign<{SIZE}>(x, z, i)",
        "depends on the data",
        z="float[2,4]",
    ),
)
