"""Benchmarks of asyncup: the machine's limit, asyncup and its peers, measured in one run on the same work.

`benchmarks/README.md` says how to run them, what is measured and what the figures mean.
"""
