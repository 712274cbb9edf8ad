"""The project's own steps through the TPU's own compiler, without a TPU: `make tpu-check`."""
