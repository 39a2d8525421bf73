# What the compiled module offers, where it was built: see _whole_file.c.

# An identity has the fields of `SourceIdentity`, in their order.

# Open a regular file of at most `most` bytes, and return its descriptor, its bytes and its identity, which was the same
# before and after. None: it is no such file, or something went wrong, and nothing is open. ValueError: no path is so.
def read_whole(path: str, most: int, /) -> tuple[int, bytearray, tuple[int, int, int, int, int]] | None: ...

# Close a descriptor if the path names a file of that identity; tell whether it did.
def close_unchanged(path: str, fd: int, identity: tuple[int, int, int, int, int], /) -> bool: ...
