"""One file's bytes, with a Vault in memory."""
