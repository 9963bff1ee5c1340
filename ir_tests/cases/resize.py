"""Cases of the rules in passes/rules/resize.py."""

from cases import Case

CORNERS = 'coordinate_transformation_mode = "align_corners"'
CROP = 'coordinate_transformation_mode = "tf_crop_and_resize"'
SYMMETRIC = 'coordinate_transformation_mode = "half_pixel_symmetric", nearest_mode = "floor"'
CASES = (
    Case("resize", ('y = Resize<mode = "cubic", cubic_coeff_a = -0.5>(x, , scales15)')),
    Case(
        "resize",
        (
            'y = Resize<nearest_mode = "ceil", coordinate_transformation_mode = '
            '"asymmetric">(x, , scales15)'
        ),
    ),
    Case(
        "resize", "y = Resize(x, , , z)", "sizes are computed", z="int64[4]", y="float[1,4,10,10]"
    ),
    Case(
        "resize",
        f'y = Resize<mode = "linear", {CROP}>(x, z, , size10)',
        "region is computed",
        z="float[8]",
    ),
    Case(
        "resize",
        f"y = Resize<{SYMMETRIC}>(x, , , size33)",
        "rounding error decides",
        x="float[1,2,4,5]",
    ),
    Case("resize", 'y = Resize<mode = "linear">(x, , , size10)', "native form"),
    Case(
        "resize",
        f'y = Resize<mode = "linear", {CORNERS}>(x, , scales15)',
        "runtimes disagree",
    ),
)
