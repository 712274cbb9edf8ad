"""What an encoder reads: marked-up essays as tokens in windows, packed into rows and batches."""
