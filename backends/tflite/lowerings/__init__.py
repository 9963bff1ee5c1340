"""Op lowerings; a module is found by being in this folder."""
