"""The whole over loopback, with the emulator in a process of its own."""
