"""Vault's rules, sans-I/O.

Everything here is a decision about values: no event loop, no file, no socket, no clock and no randomness. Time, jitter
and bytes come in as arguments, and a part's payload never comes in at all. Facts about the API carry the mark that
they have in the project's fact sheet: *documented* by Veeva, *seen* in client code or live, *derived*, or *unknown*.
"""
