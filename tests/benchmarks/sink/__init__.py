"""The sink: what it answers, and what it does to a connection."""
