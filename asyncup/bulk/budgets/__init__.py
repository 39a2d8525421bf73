"""What is scarce and shared by all lanes: bandwidth, calls, upload sessions. Must not know lanes or files."""
