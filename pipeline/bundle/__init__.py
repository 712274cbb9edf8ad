"""The dataset that Kaggle gets, and the kernel that predicts from it."""
