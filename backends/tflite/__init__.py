"""TFLite: lowering, flatbuffer writer, execution on the host."""

SUFFIX = ".tflite"
