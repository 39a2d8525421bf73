"""Many files: what is to be sent (manifest, folder), what became of each (journal), and what is told at the end.

A row of a manifest or a file of a folder is an *input*: an `UploadItem`, or a `BrokenInput` that says why it is none.
The journal gives every input an *entry*. Must not know people: terminals, colours and exit codes are for cli/.
"""
