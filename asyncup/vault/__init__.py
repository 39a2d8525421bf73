"""Speaking HTTP with a Vault: a transport, a login, and a client with one method per endpoint."""
