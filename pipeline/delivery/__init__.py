"""What leaves the project: submissions."""
