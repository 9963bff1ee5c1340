"""Quantization as mathematics on arrays: imports numpy only, knows neither graphs nor formats."""
