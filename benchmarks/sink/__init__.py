"""The server of the benchmarks: understands enough of Vault to be uploaded to, and throws the bytes away."""
