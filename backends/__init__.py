"""Import as `mmc.backends`."""

if __name__ != "mmc.backends":
    raise ImportError("import this package as mmc.backends, not as backends")
