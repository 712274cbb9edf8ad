"""One essay to look at: read off the finished graph or predicted, on a terminal or a page."""
