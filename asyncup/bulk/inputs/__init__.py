"""What is to be sent: the files of a folder, the rows of a manifest. Must not know what becomes of them."""
