"""One module a family of operators; every module is found by being here."""
