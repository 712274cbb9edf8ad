"""What Kaggle gets as a dataset, and the kernel that predicts from it."""
