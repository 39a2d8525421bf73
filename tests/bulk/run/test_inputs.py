"""Where a run's inputs come from."""

from pathlib import Path

import anyio.to_thread
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

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


LINES = ("*.pdf", "!a.pdf", "below/", "/below", "b*", "**/c.*", "!below/", "/a.pdf", "below/deep/", "*")


@given(
    include=st.lists(st.sampled_from(LINES), max_size=3),
    exclude=st.lists(st.sampled_from(LINES), max_size=3),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_an_earlier_run_took_in_is_wanted_when_it_would_be_taken_now(
    folder: Path, include: list[str], exclude: list[str]
) -> None:
    deep = folder / "below" / "deep"
    deep.mkdir(exist_ok=True)
    (deep / "d.pdf").write_bytes(b"")
    earlier = [one async for one in RunSource(place=str(folder), destination="/u1").inputs()]
    now = RunSource(place=str(folder), destination="/u1", include=include, exclude=exclude)
    still_wanted = await anyio.to_thread.run_sync(now.still_wanted)
    if still_wanted is None:
        assert not include + exclude
        return
    wanted = [one.path for one in earlier if isinstance(one, UploadItem) and still_wanted(one.file)]
    assert wanted == await paths_of(now)
    assert still_wanted("/elsewhere/x.tmp")


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
