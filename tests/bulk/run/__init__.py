"""Tests of `asyncup.bulk.run`."""
