"""Tests of `asyncup.bulk.lanes`."""
