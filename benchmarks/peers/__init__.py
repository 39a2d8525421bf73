"""The uploaders that are measured, each as a program that does a `Job` in its own documented way.

The peers run in a Python of their own (`requirements.txt`) and import nothing but `benchmarks.job` and what they are
named for. At most 60 lines each: what takes more is not how people use them.
"""
