"""Core ML: lowering to MIL, the .mlpackage writer, and its evaluation on the host."""

SUFFIX = ".mlpackage"
FOLDER = True
