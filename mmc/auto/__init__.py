"""`--weights auto` and its relatives: what bits each layer gets, found by measuring."""
