"""Tests of `asyncup.bulk.in_vault`."""
