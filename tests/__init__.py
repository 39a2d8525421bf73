"""The tests of asyncup, one folder or file for each of its modules."""
