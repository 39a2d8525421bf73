# What the compiled module offers, where it was built: see _multi_md5.c.

INSTRUCTIONS: tuple[str, ...]  # what this processor has, the fastest last
MOST: int  # how many messages can share the instructions

# Go on with some digests, by the first `length` bytes of as many messages. A digest is the four words of RFC 1321, the
# least significant byte first; `length` a multiple of 64; `level` an index of INSTRUCTIONS. ValueError: it is not so.
def advance(digests: list[bytearray], messages: list[bytes] | list[memoryview], length: int, level: int, /) -> None: ...
