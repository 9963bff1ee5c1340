"""A backend: its artifact's suffix; `backend.py`, `run.py` and `targets/` are found beside it."""

SUFFIX = ".plain"
