"""Find out what went wrong: bisect, reduce, extract, diff."""
