"""What the graph of stages is made of: each stage's code, and what it alone owns."""
