"""One thin entry per stage or command: read parameters, call one function, say what it made."""
