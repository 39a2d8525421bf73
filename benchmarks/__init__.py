"""Measurements: every figure of speed comes from a program here, which anybody can run again."""
