"""What any Vault must do, asked of the emulator under every profile and, where there is one, of a live Vault."""
