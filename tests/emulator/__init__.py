"""Tests of the pretend Vault."""
