"""Rule families: one file each; every `@rewrite` in them is found by being there."""
