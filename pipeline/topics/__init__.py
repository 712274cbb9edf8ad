"""What essays are about, found without labels: groups of essays, each described by a few words."""
