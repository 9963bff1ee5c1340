"""What another package can add to mmc: docs/plugins.md walks through it."""
