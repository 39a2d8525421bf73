"""Many files: the pure parts against tables, properties and a simulated network, the others without a clock."""
