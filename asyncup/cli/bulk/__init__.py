"""The commands around bulk runs: migrate, retry, verify, status and tune. What has rules is in `asyncup.bulk`."""
