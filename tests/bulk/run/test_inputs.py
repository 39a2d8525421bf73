"""Where a run's inputs come from."""

from pathlib import Path

import pytest

from asyncup.bulk.errors import ManifestError
from asyncup.bulk.inputs.item import UploadItem
from asyncup.bulk.run.inputs import RunSource
from asyncup.errors import ConfigurationError, SourceNotFound

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "f"
    (folder / "below").mkdir(parents=True)
    for name in ("a.pdf", "b.txt", "below/c.pdf"):
        (folder / name).write_bytes(b"x")
    (tmp_path / "m.csv").write_text("file,path\nf/a.pdf,a\nf/b.txt,/u2/b\n")
    return folder


async def paths_of(source: RunSource) -> list[str]:
    return [one.path for one in [one async for one in source.inputs()] if isinstance(one, UploadItem)]


async def test_a_folder_with_patterns(folder: Path) -> None:
    assert await paths_of(RunSource(place=str(folder), destination="/u1/t")) == [
        "/u1/t/a.pdf",
        "/u1/t/b.txt",
        "/u1/t/below/c.pdf",
    ]
    some = RunSource(place=str(folder), destination="/u1/t", include=("*.pdf",), exclude=("below/",))
    assert await paths_of(some) == ["/u1/t/a.pdf"]


async def test_a_manifest(folder: Path) -> None:
    manifest = str(folder.parent / "m.csv")
    assert await paths_of(RunSource(place=manifest, destination="/u1/t")) == ["/u1/t/a", "/u2/b"]
    with pytest.raises(ConfigurationError, match="patterns and links are for folders"):
        await paths_of(RunSource(place=manifest, include=("*.pdf",)))


async def test_what_failed(folder: Path) -> None:
    results = folder.parent / "results.jsonl"
    lines = [
        f'{{"asyncup": "result 1", "row": {row}, "state": "{state}", "file": "/d/{row}", "path": "/u1/{row}"}}\n'
        for row, state in enumerate(("SUCCESS", "FAILED", "SKIPPED", "PENDING"), start=1)
    ]
    results.write_text("".join(lines))
    assert await paths_of(RunSource(place=str(results), only_failed=True)) == ["/u1/2", "/u1/4"]


@pytest.mark.parametrize(("name", "error"), [("none.csv", ManifestError), ("none", ConfigurationError)])
async def test_nothing_there(tmp_path: Path, name: str, error: type[Exception]) -> None:
    with pytest.raises((error, SourceNotFound)):
        await paths_of(RunSource(place=str(tmp_path / name)))
