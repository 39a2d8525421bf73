"""Whole uploads through a server that speaks bytes, and speaks them wrongly."""
