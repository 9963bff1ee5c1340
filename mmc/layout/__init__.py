"""Layout assignment: in which axis order every tensor is stored, so that the fewest bytes move."""
