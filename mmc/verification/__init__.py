"""Execute models in child processes and compare them: what makes an artifact *proved*."""
