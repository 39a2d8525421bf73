"""The fault matrix: every kind of fault at every operation of every shape of upload, against the emulator."""
