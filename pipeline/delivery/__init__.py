"""Everything that leaves the project: submissions, and the bundles that make them."""
