"""Uploading parts (Veeva's reference, "Upload to a Session" and "List File Parts Uploaded to Session")."""

import base64
import hashlib

from asyncup import VaultError
from asyncup.protocol.responses import HeldPart
from tests.contract.place import Place


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def receipt(number: int, content: bytes) -> HeldPart:
    return HeldPart(number, len(content), md5(content))


async def test_every_part_is_acknowledged_with_its_size_and_md5(place: Place) -> None:
    contents = [place.content(place.part), place.content(place.part), place.content(100)]
    session = await place.session("a.bin", sum(map(len, contents)))
    held: list[HeldPart] = []
    for number, content in enumerate(contents, start=1):
        held.append(await place.put(session, number, content))
        assert held[-1] == receipt(number, content)
        now, listed = await place.state(session)
        assert listed == held
        assert now.uploaded_parts == number
        assert now.uploaded == sum(part.size for part in held)
        assert now.size == session.size


async def test_a_part_that_comes_again_is_overwritten(place: Place) -> None:
    first, second, other = place.content(place.part), place.content(place.part), place.content(place.part)
    session = await place.session("a.bin", 2 * place.part)
    await place.put(session, 1, first)
    await place.put(session, 2, second)
    assert await place.put(session, 1, other) == receipt(1, other)
    now, listed = await place.state(session)
    assert listed == [receipt(1, other), receipt(2, second)]
    assert (now.uploaded, now.uploaded_parts) == (2 * place.part, 2)
    await place.commit(session)
    assert await place.stored(place.path("a.bin")) == other + second


async def test_a_part_out_of_order_is_refused_and_changes_nothing(place: Place) -> None:
    session = await place.session("a.bin", 5 * place.part)
    await place.put(session, 1, place.content(place.part))
    before = await place.state(session)
    for number in (0, 3, 5):
        with place.refused():
            await place.put(session, number, place.content(place.part))
        assert await place.state(session) == before


async def test_more_bytes_than_declared_are_refused_and_change_nothing(place: Place) -> None:
    session = await place.session("a.bin", place.part + 100)
    await place.put(session, 1, place.content(place.part))
    before = await place.state(session)
    with place.refused():
        await place.put(session, 2, place.content(101))
    assert await place.state(session) == before
    await place.put(session, 2, place.content(100))
    full = await place.state(session)
    with place.refused():
        await place.put(session, 3, place.content(1))
    assert await place.state(session) == full


async def test_parts_of_unequal_or_too_small_sizes_never_become_a_file(place: Place) -> None:
    """Documented: one size for all but the last, at least 5 MB. Whether a part or the commit is refused is unknown."""
    part = place.part
    for number, lengths in enumerate(([part, part // 2, part], [part, 2 * part, part], [part - 1, part - 1])):
        name = f"{number}.bin"
        session = await place.session(name, sum(lengths))
        with place.refused():
            for part_number, length in enumerate(lengths, start=1):
                await place.put(session, part_number, place.content(length))
            await place.commit(session)
        assert await place.is_missing(place.path(name)), lengths


async def test_parts_are_listed_page_by_page(place: Place) -> None:
    contents = [place.content(place.part) for _ in range(4)] + [place.content(1)]
    session = await place.session("a.bin", sum(map(len, contents)))
    held = [await place.put(session, number, content) for number, content in enumerate(contents, start=1)]
    for limit in (1, 2, 4, 5, 1000):
        assert await place.paged_parts(session, limit=limit) == held


async def test_after_a_refused_content_md5_the_part_is_taken_without_it(place: Place) -> None:
    """The header's form is undocumented: a Vault takes it or refuses it, and a refusal changes nothing."""
    content = place.content(place.part)
    digest = hashlib.md5(content, usedforsecurity=False).digest()
    session = await place.session("a.bin", 3 * place.part)
    for number, header in enumerate((base64.b64encode(digest).decode(), digest.hex()), start=1):
        before = await place.state(session)
        try:
            held = await place.put(session, number, content, header)
        except VaultError:
            assert await place.state(session) == before
            held = await place.put(session, number, content)
        assert held == receipt(number, content)
    assert await place.put(session, 3, content) == receipt(3, content)


async def test_a_wrong_content_md5_is_never_acknowledged(place: Place) -> None:
    content, other = place.content(place.part), hashlib.md5(b"other", usedforsecurity=False)
    session = await place.session("a.bin", 2 * place.part)
    for header in (base64.b64encode(other.digest()).decode(), other.hexdigest()):
        try:
            held = await place.put(session, 1, content, header)
        except VaultError:
            assert await place.vault.list_parts(session.id) == []
        else:  # a Vault that does not look at the header
            assert held == receipt(1, content)
