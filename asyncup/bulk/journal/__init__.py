"""What became of each input, on the disk: enough to go on with after any kind of death. Must not know runs."""
