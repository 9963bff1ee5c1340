"""Import as `mmc.passes`."""

if __name__ != "mmc.passes":
    raise ImportError("import this package as mmc.passes, not as passes")
