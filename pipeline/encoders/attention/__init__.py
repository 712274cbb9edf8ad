"""Implementations of attention, all held to one reference."""
