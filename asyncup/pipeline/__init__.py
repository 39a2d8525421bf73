"""One file's bytes, from the disk to an acknowledged upload session.

An async reader produces memory-mapped part buffers into a bounded queue; a pipelined sender consumes them in strict
part order, hashing and PUTting each one while the next is prefetched. Disk, hashing and network overlap, and Vault's
ordering rule holds.
"""
