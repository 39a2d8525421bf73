"""The harness itself: its arithmetic, its tables, its sink, and a whole run on a tiny workload."""
