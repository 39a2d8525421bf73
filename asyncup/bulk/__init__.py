"""Many files: what is to be sent (manifest, folder), what became of each (journal), and what is told at the end.

A row of a manifest or a file of a folder is an *input*: an `UploadItem`, or a `BrokenInput` that says why it is none.
The journal gives every input an *entry*. Must not know people: terminals, colours and exit codes are for cli/.
"""

from asyncup.bulk.inputs.folder import walk_folder
from asyncup.bulk.inputs.item import BrokenInput, UploadItem
from asyncup.bulk.inputs.manifest import read_manifest
from asyncup.bulk.journal.view import JournalView
from asyncup.bulk.report.file_result import FileResult
from asyncup.bulk.run.open_run import open_run
from asyncup.bulk.run.options import BulkOptions

__all__ = [
    "BrokenInput",
    "BulkOptions",
    "FileResult",
    "JournalView",
    "UploadItem",
    "open_run",
    "read_manifest",
    "walk_folder",
]
