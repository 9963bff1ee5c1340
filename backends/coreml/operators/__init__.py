"""The meaning of MIL operations, one family a file; found by being here."""
