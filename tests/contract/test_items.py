"""Folders, listings, downloads, moves and deletions (Veeva's reference, "File Staging")."""

from contextlib import suppress

import pytest

from asyncup import UploadOptions, VaultError
from asyncup.errors import ItemExists
from asyncup.protocol.responses import Item
from tests.contract.place import Place


def kinds(items: list[Item]) -> dict[str, str]:
    """Return what is listed, by path without the slash that folders may have."""
    assert len({item.path.rstrip("/") for item in items}) == len(items), "something is listed twice"
    return {item.path.rstrip("/"): item.kind for item in items}


async def test_a_folder_is_made_empty_once_and_without_its_parents(place: Place) -> None:
    await place.vault.create_folder(place.path("a"))
    assert kinds(await place.listed()) == {place.path("a"): "folder"}
    assert await place.listed(place.path("a")) == []
    with pytest.raises(ItemExists):
        await place.vault.create_folder(place.path("a"))
    with place.refused():
        await place.vault.create_folder(place.path("b", "c"))
    assert await place.names() == ["a"]


async def test_missing_folders_are_made_top_down(place: Place) -> None:
    first, second = place.content(100), place.content(place.part + 1)
    await place.upload(place.path("a", "b", "c", "1.bin"), first)
    await place.upload_small(place.path("a", "b", "2.bin"), second)
    assert await place.names() == ["a"]
    assert await place.names(place.path("a", "b")) == ["2.bin", "c"]
    assert await place.stored(place.path("a", "b", "c", "1.bin")) == first
    assert await place.stored(place.path("a", "b", "2.bin")) == second


async def test_a_session_below_a_missing_folder_fails_or_makes_it(place: Place) -> None:
    """Where a missing parent shows is unknown: at the session, the commit or the job, or it is simply made."""
    content = place.content(place.part)
    options = UploadOptions(part_size=place.part, small_file_max=0, create_folders=False)
    try:
        await place.upload(place.path("a", "b", "1.bin"), content, options=options)
    except VaultError:
        assert await place.names() == []
    else:
        assert await place.stored(place.path("a", "b", "1.bin")) == content


async def test_a_recursive_listing_has_the_files_of_all_folders(place: Place) -> None:
    """Whether it has the folders, too, is unknown."""
    files = {place.path("1.bin"), place.path("a", "2.bin"), place.path("a", "b", "3.bin")}
    folders = {place.path("a"), place.path("a", "b"), place.path("empty")}
    for path in files:
        await place.vault.folders.ensure(path.rpartition("/")[0])
        await place.upload_small(path, b"x")
    await place.vault.create_folder(place.path("empty"))
    items = await place.listed(recursive=True)
    assert {item.size for item in items} <= {1, None}
    assert all((item.size is not None) == item.is_file for item in items)
    listed = kinds(items)
    assert {path for path, kind in listed.items() if kind == "file"} == files
    assert {path for path, kind in listed.items() if kind == "folder"} <= folders


async def test_a_listing_goes_page_by_page(place: Place) -> None:
    expected = {place.path(f"{number}.bin"): "file" for number in range(4)} | {place.path("folder"): "folder"}
    for path, kind in expected.items():
        await (place.upload_small(path, b"x") if kind == "file" else place.vault.create_folder(path))
    for limit in (1, 2, 4, 5, 1000):
        assert kinds(await place.paged_items(place.folder, limit=limit)) == expected


async def test_a_folder_does_not_hold_what_only_begins_like_it(place: Place) -> None:
    for name in ("ab", "abc"):
        await place.vault.create_folder(place.path(name))
        await place.upload_small(place.path(name, f"in {name}.bin"), b"x")
    for recursive in (False, True):
        items = await place.vault.list_items(place.path("ab"), recursive=recursive)
        assert kinds(items) == {place.path("ab", "in ab.bin"): "file"}


async def test_slashes_at_the_end_of_a_folder_are_tolerated(place: Place) -> None:
    await place.vault.folders.ensure(place.path("a", "b") + "/")
    await place.upload_small(place.path("a", "1.bin"), b"x")
    with pytest.raises(ItemExists):
        await place.vault.create_folder(place.path("a") + "/")
    expected = {place.path("a", "1.bin"): "file", place.path("a", "b"): "folder"}
    assert kinds(await place.vault.list_items(place.path("a") + "/")) == expected


async def test_any_range_can_be_downloaded(place: Place) -> None:
    content = place.content(1000)
    await place.upload_small(place.path("a.bin"), content)
    for offset, length in ((0, 1000), (0, 1), (1, 1), (999, 1), (500, 500), (0, 999), (123, 456)):
        part = await place.vault.download(place.path("a.bin"), offset=offset, length=length)
        assert part == content[offset : offset + length]


async def test_what_is_not_there_is_refused(place: Place) -> None:
    await place.vault.create_folder(place.path("folder"))
    for name in ("no.bin", "folder"):
        with place.refused():
            await place.vault.download(place.path(name), offset=0, length=1)
    with place.refused():
        await place.settle(await place.vault.move_item(place.path("no.bin"), name="b.bin"))
    with suppress(VaultError):  # a refusal that leaves a doubt is settled: it is gone indeed, and no job is known
        assert await place.vault.delete_item(place.path("no.bin")) is None
    with suppress(VaultError):  # unknown: it is refused, or empty
        assert await place.listed(place.path("no")) == []
    assert await place.names() == ["folder"]


async def test_a_file_is_renamed_and_moved(place: Place) -> None:
    content = place.content(100)
    await place.vault.create_folder(place.path("folder"))
    await place.upload_small(place.path("a.bin"), content)
    await place.settle(await place.vault.move_item(place.path("a.bin"), name="b.bin"))
    assert await place.names() == ["b.bin", "folder"]
    assert await place.is_missing(place.path("a.bin"))
    both = await place.vault.move_item(place.path("b.bin"), parent=place.path("folder"), name="c.bin")
    await place.settle(both)
    assert await place.names() == ["folder"]
    assert await place.stored(place.path("folder", "c.bin")) == content


async def test_a_folder_is_moved_with_what_it_holds(place: Place) -> None:
    content = place.content(100)
    await place.vault.folders.ensure(place.path("from", "inner"))
    await place.vault.create_folder(place.path("to"))
    await place.upload_small(place.path("from", "inner", "a.bin"), content)
    await place.settle(await place.vault.move_item(place.path("from"), parent=place.path("to")))
    assert await place.names() == ["to"]
    assert await place.stored(place.path("to", "from", "inner", "a.bin")) == content


async def test_a_file_and_an_empty_folder_are_deleted(place: Place) -> None:
    await place.upload_small(place.path("a.bin"), b"a")
    await place.upload_small(place.path("b.bin"), b"b")
    await place.vault.create_folder(place.path("c"))
    await place.settle(await place.vault.delete_item(place.path("a.bin")))
    await place.settle(await place.vault.delete_item(place.path("c")))
    assert await place.names() == ["b.bin"]
    assert await place.is_missing(place.path("a.bin"))


async def test_a_folder_that_is_not_empty_is_deleted_only_with_all_it_holds(place: Place) -> None:
    content = place.content(10)
    await place.vault.folders.ensure(place.path("a", "b"))
    await place.upload_small(place.path("a", "b", "1.bin"), content)
    with place.refused():
        await place.settle(await place.vault.delete_item(place.path("a")))
    assert await place.stored(place.path("a", "b", "1.bin")) == content
    await place.settle(await place.vault.delete_item(place.path("a"), recursive=True))
    assert await place.names() == []
    assert await place.is_missing(place.path("a", "b", "1.bin"))
