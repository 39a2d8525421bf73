"""How many files are sent at once, and what a lane does with one. Must not know which file comes next."""
