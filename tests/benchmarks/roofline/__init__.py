"""The machine's limits."""
