"""Vault's rules, without an event loop: properties first, examples where the documents give one."""
