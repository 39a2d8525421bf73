"""Where the emulators of the matrix keep their bytes."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.contract.targets import MEMORY


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """A folder that costs no disk, for hundreds of emulators."""
    with TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)
