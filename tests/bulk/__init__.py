"""Tests of asyncup/bulk/, module by module."""
