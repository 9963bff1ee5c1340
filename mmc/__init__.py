"""mmc, the mobile model compiler: ONNX in, verified mobile models out."""
