"""One thin entry for each stage: read parameters, call one function, say what it made."""
