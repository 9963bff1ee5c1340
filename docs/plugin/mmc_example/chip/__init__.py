"""A target alone: a chip that runs TFLite models; what it takes is in `targets/`."""
