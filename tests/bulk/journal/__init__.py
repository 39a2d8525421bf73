"""Tests of `asyncup.bulk.journal`."""
