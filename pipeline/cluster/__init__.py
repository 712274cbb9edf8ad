"""Training spread over a cluster: Ray places and repeats the stages, DVC knows and carries them."""
