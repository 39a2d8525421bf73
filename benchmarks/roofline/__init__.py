"""What the machine can do at most: MD5 alone, sending alone, and both in a program that does nothing else."""
