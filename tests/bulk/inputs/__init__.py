"""Tests of `asyncup.bulk.inputs`."""
