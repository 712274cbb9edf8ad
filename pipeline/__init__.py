"""From Kaggle's files to a scored submission, as one graph whose every node can be rerun alone."""
