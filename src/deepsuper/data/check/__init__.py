"""Parallel rows examined: what is wrong with each, how they look as a whole, and a file without the bad ones."""
