"""Which inputs a run has: those of a folder, of a manifest, or what failed in an earlier run.

Must not know the journal.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncup.bulk.inputs.folder import folder_files
from asyncup.bulk.inputs.in_thread import in_thread
from asyncup.bulk.inputs.item import Input
from asyncup.bulk.inputs.manifest import manifest_rows
from asyncup.bulk.inputs.patterns import Patterns
from asyncup.bulk.report.results import failed_rows
from asyncup.errors import ConfigurationError

__all__ = ["RunSource"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSource:
    """Where inputs come from, and where in Vault they go.

    Attributes:
        place: a folder, a manifest, or a `results.jsonl`.
        destination: the folder in Vault for what names none.
        include, exclude: patterns, of a folder only.
        follow_links: take what symbolic links in a folder point to.
        only_failed: `place` is a `results.jsonl`, and what is in Vault already is left out.
    """

    place: str
    destination: str = "/"
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    follow_links: bool = False
    only_failed: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder now. Blocks."""
        return not self.only_failed and Path(self.place).is_dir()

    def still_wanted(self) -> Callable[[str], bool] | None:
        """Return what tells whether a file that an earlier run has taken in is still an input; None where all are.

        Blocks.
        """
        if not self.is_folder or not (self.include or self.exclude):
            return None
        patterns, root = Patterns(self.include, self.exclude), self.absolute.rstrip(os.sep) + os.sep

        def wants(file: str) -> bool:
            return not file.startswith(root) or patterns.takes(file.removeprefix(root).replace(os.sep, "/"))

        return wants

    @property
    def absolute(self) -> str:
        """The place, independent of the current folder. Blocks."""
        return os.path.abspath(self.place)  # noqa: PTH100 - links stay as they are

    def inputs(self) -> AsyncGenerator[Input]:
        """Yield the inputs; close it when it is not read to the end.

        Raises:
            ConfigurationError: the options make no sense for this source, or a manifest cannot be read.
            SourceError: the folder is not there, or cannot be read.
        """
        return in_thread(self.rows())

    def rows(self) -> Generator[Input]:
        """Yield what `inputs` yields; blocks."""
        if self.only_failed:
            yield from failed_rows(self.place)
        elif self.is_folder:
            patterns = Patterns(self.include, self.exclude)
            yield from folder_files(self.place, self.destination, patterns=patterns, follow_links=self.follow_links)
        elif self.include or self.exclude or self.follow_links:
            raise ConfigurationError("patterns and links are for folders; a manifest lists what it takes")
        else:
            yield from manifest_rows(self.place, destination=self.destination)
