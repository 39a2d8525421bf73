"""The command line: pure parts alone, commands in processes of their own against the emulator."""
