"""What stands in the way of a board, told before the first stage runs: all of it, a line each."""
