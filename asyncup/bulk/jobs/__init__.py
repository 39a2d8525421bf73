"""Vault's jobs, many of them waited for with few calls. Must not know files."""
