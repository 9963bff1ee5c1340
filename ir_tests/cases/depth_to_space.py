"""Cases of the rules in passes/rules/depth_to_space.py."""

from cases import Case

CASES = (Case("depth-to-space-crd", "y = DepthToSpace<blocksize = 2>(x)", "native order"),)
