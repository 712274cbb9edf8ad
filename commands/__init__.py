"""One thin entry for each command that is no stage of the graph."""
