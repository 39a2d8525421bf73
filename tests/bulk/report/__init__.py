"""Tests of `asyncup.bulk.report`."""
