"""Loggers of a fold's curves that other tools show; off by default, and no result needs them."""
