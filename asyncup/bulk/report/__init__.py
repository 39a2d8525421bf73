"""What is told at the end: results, sums, a CSV for Vault Loader. Must not know runs: the journal tells it all."""
