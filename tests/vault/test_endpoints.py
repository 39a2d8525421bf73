"""Reading a list page by page: every row once, whatever the shape of the next page, and never for ever."""

import json
from contextlib import aclosing
from typing import Literal

import pytest
from hypothesis import given, strategies as st

from asyncup.errors import MalformedAnswer
from asyncup.protocol.responses import HeldPart
from tests.fakes.memory_vault import (
    SMALL,
    TOKEN,
    Endpoint,
    MemoryVault,
    lost_after,
    raw,
    refused,
    unreachable,
)

SHAPES = st.sampled_from(["full", "rooted", "relative"])


def page(next_page: str | None, *numbers: int) -> str:
    rows = [{"part_number": number, "size": 1, "part_content_md5": "a"} for number in numbers]
    details = {} if next_page is None else {"next_page": next_page}
    return json.dumps({"responseStatus": "SUCCESS", "data": rows, "responseDetails": details})


@given(count=st.integers(0, 12), page_size=st.integers(1, 5), shape=SHAPES)
async def test_every_row_comes_once_in_order(
    count: int, page_size: int, shape: Literal["full", "rooted", "relative"]
) -> None:
    memory = MemoryVault(page_size=page_size, next_page=shape)
    session_id = memory.open_session("/u1/a", 20_000, *[bytes([number]) * 1000 for number in range(count)])
    async with memory.vault() as vault:
        parts = await vault.list_parts(session_id)
    assert [part.number for part in parts] == list(range(1, count + 1))
    assert all(part.size == 1000 for part in parts)
    assert memory.count(Endpoint.LIST_PARTS) == max(1, -(-count // page_size))
    assert all(seen.headers["Authorization"] == TOKEN for seen in memory.seen)


async def test_parts_are_put_in_order_when_vault_does_not() -> None:
    memory = MemoryVault()
    memory.fail(
        Endpoint.LIST_PARTS,
        raw(200, page("/api/v25.2/services/file_staging/upload/a/parts?cursor=1", 3, 1)),
        raw(200, page(None, 2)),
    )
    async with memory.vault() as vault:
        assert await vault.list_parts("a") == [HeldPart(number, 1, "a") for number in (1, 2, 3)]


async def test_one_page_is_repeated_alone() -> None:
    memory = MemoryVault(page_size=1)
    session_id = memory.open_session("/u1/a", 5000, *[bytes([number]) * 1000 for number in range(4)])
    memory.fail(Endpoint.LIST_PARTS, lost_after(), raw(503), unreachable(), refused("API_LIMIT_EXCEEDED"), nth=2)
    async with memory.vault() as vault:
        assert [part.number for part in await vault.list_parts(session_id)] == [1, 2, 3, 4]
    cursors = [seen.target.partition("cursor=")[2].partition("&")[0] for seen in memory.seen]
    assert cursors == ["", "1", "1", "1", "1", "1", "2", "3"]
    memory.assert_clean()


@pytest.mark.parametrize(
    "loop",
    [
        ["?cursor=1", "?cursor=1"],
        ["?cursor=1", "?cursor=2", "?cursor=1"],
    ],
    ids=str,
)
async def test_pages_that_lead_in_a_circle_end(loop: list[str]) -> None:
    memory = MemoryVault()
    path = "/api/v25.2/services/file_staging/upload/a/parts"
    memory.fail(Endpoint.LIST_PARTS, *[raw(200, page(path + query, 1)) for query in [*loop, "?cursor=9"]])
    async with memory.vault() as vault:
        with pytest.raises(MalformedAnswer, match="the same page comes again"):
            await vault.list_parts("a")
    assert memory.count(Endpoint.LIST_PARTS) <= len(loop) + 1


@pytest.mark.parametrize("next_page", ["http://[", "https://[::1"])
async def test_a_next_page_that_is_no_url_is_malformed(next_page: str) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.LIST_PARTS, raw(200, page(next_page, 1)))
    async with memory.vault() as vault:
        with pytest.raises(MalformedAnswer, match="listing the upload session's parts"):
            await vault.list_parts("a")


async def test_a_next_page_elsewhere_is_asked_of_the_vault_itself() -> None:
    memory = MemoryVault()
    path = "/api/v25.2/services/file_staging/upload/a/parts?cursor=1"
    memory.fail(Endpoint.LIST_PARTS, raw(200, page(f"https://evil.example{path}", 1)), raw(200, page(None, 2)))
    async with memory.vault() as vault:
        assert len(await vault.list_parts("a")) == 2
    assert memory.seen[1].target == path, "a target has no host"
    memory.assert_clean()


async def test_the_limits_are_the_vaults() -> None:
    async with MemoryVault().vault() as vault:
        assert vault.limits is SMALL


async def test_the_next_page_is_asked_for_when_it_is_wanted() -> None:
    memory = MemoryVault(page_size=2)
    memory.items.update({f"/u1/{name}": b"" for name in "abcde"})
    async with memory.vault() as vault, aclosing(vault.each_item("/u1")) as items:
        assert memory.count(Endpoint.LIST_ITEMS) == 0
        seen = [(await anext(items)).path for _ in range(2)]
        assert memory.count(Endpoint.LIST_ITEMS) == 1
        seen += [(await anext(items)).path]
        assert memory.count(Endpoint.LIST_ITEMS) == 2
    assert seen == ["/u1/a", "/u1/b", "/u1/c"]
    assert memory.count(Endpoint.LIST_ITEMS) == 2
    memory.assert_clean()
