"""The make-up of the graph of stages: each stage's code, and the outputs that it alone owns."""
