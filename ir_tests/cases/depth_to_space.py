"""Cases of the rules in passes/rules/depth_to_space.py."""

from cases import Case

CASES = (
    Case(
        "depth-to-space-crd",
        'y = DepthToSpace<blocksize = 2, mode = "CRD">(x)',
        x="float[1,12,2,3]",
    ),
    Case("depth-to-space-crd", "y = DepthToSpace<blocksize = 2>(x)", "native order"),
)
