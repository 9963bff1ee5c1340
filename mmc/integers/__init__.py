"""Which values of a model become integers, of which width and scale; mmc.quant computes."""
