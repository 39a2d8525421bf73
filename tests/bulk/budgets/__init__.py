"""Tests of `asyncup.bulk.budgets`."""
