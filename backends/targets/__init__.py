"""Target tables: data with a source, no code."""
