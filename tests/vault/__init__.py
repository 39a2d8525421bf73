"""Speaking with a Vault: against one in memory, and the aiohttp transport against raw sockets."""
