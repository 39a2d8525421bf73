"""A bulk run: its inputs, journal, lanes and results put together, watched and changed while it works."""
