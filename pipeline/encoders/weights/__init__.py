"""Hugging Face's names and files, in and out."""
