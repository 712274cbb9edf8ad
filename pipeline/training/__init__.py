"""One fold under `pmap`: loss, optimizer, step, checkpoints and the loop around them."""
