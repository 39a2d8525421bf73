"""Tests of `asyncup.bulk.jobs`."""
