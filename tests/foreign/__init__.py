"""Clients of Vault that were not written here, against the emulator."""
