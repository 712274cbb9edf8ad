"""The inputs of an encoder: marked-up essays as tokens in windows, packed into rows and batches."""
