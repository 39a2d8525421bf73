"""Files in one request (Veeva's reference, "Create Folder or File")."""

import base64
import hashlib

import pytest

from asyncup import UploadOptions, VaultError
from asyncup.errors import ItemExists
from tests.contract.place import BytesBody, Place


async def test_a_small_file_goes_in_one_request(place: Place) -> None:
    content = place.content(1000)
    done = await place.upload_small(place.path("a.bin"), content)
    assert (done.session_id, done.job_id, done.parts) == (None, None, 1)
    assert done.md5s == (hashlib.md5(content, usedforsecurity=False).hexdigest(),)
    assert await place.stored(place.path("a.bin")) == content

    digest = hashlib.md5(content, usedforsecurity=False)
    receipt = await place.vault.create_file(place.path("b.bin"), BytesBody(content), digest.digest())
    assert receipt.is_file
    assert (receipt.path, receipt.size, receipt.md5) == (place.path("b.bin"), 1000, digest.hexdigest())
    assert await place.names() == ["a.bin", "b.bin"]


async def test_an_empty_file_is_a_file(place: Place) -> None:
    for name, small_file_max in (("1.bin", None), ("2.bin", 0)):
        done = await place.upload(place.path(name), b"", options=UploadOptions(small_file_max=small_file_max))
        assert done.size == 0
        assert await place.stored(place.path(name)) == b""


async def test_a_name_that_exists_is_not_overwritten_unasked(place: Place) -> None:
    old, new = place.content(10), place.content(20)
    await place.upload_small(place.path("a.bin"), old)
    with pytest.raises(ItemExists):
        await place.upload_small(place.path("a.bin"), new)
    assert await place.stored(place.path("a.bin")) == old


async def test_a_name_that_exists_is_overwritten_when_asked(place: Place) -> None:
    old, new = place.content(20), place.content(10)
    await place.upload_small(place.path("a.bin"), old)
    await place.upload_small(place.path("a.bin"), new, overwrite=True)
    assert await place.stored(place.path("a.bin")) == new
    assert await place.names() == ["a.bin"]


async def test_a_folder_is_not_overwritten_by_a_file(place: Place) -> None:
    await place.vault.create_folder(place.path("a"))
    await place.upload_small(place.path("a", "b.bin"), b"b")
    with place.refused():
        await place.upload_small(place.path("a"), b"a", overwrite=True)
    assert await place.stored(place.path("a", "b.bin")) == b"b"


async def test_a_file_in_a_folder_that_is_not_there_is_refused(place: Place) -> None:
    content = place.content(10)
    with place.refused():
        await place.upload(place.path("no", "a.bin"), content, options=UploadOptions(create_folders=False))
    assert await place.names() == []


async def test_a_wrong_content_md5_never_changes_the_bytes(place: Place) -> None:
    content, other = place.content(10), hashlib.md5(b"other", usedforsecurity=False)
    digest = hashlib.md5(content, usedforsecurity=False)
    for number, header in enumerate((base64.b64encode(other.digest()).decode(), other.hexdigest())):
        path = place.path(f"{number}.bin")
        try:
            item = await place.vault.create_file(path, BytesBody(content), digest.digest(), content_md5=header)
        except VaultError:
            assert await place.is_missing(path)
        else:  # a Vault that does not look at the header
            assert item.md5 == digest.hexdigest()
            assert await place.stored(path) == content
