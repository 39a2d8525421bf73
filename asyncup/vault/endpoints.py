"""What all groups of endpoints share: the calls, the limits, and reading a list page by page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from asyncup.errors import MalformedAnswer
from asyncup.protocol import requests
from asyncup.protocol.answers import Answer
from asyncup.protocol.limits import Limits
from asyncup.protocol.paths import next_page_target
from asyncup.protocol.requests import Request
from asyncup.protocol.responses import Page
from asyncup.vault.calls import Calls

__all__ = ["Endpoints"]

T = TypeVar("T")


class Endpoints:
    """The base of every group of endpoints of one Vault.

    Attributes:
        calls: sends requests.
        limits: the Vault's limits.
    """

    def __init__(self, calls: Calls, limits: Limits) -> None:
        self.calls = calls
        self.limits = limits

    async def all_pages(self, first: Request, read: Callable[[Answer], Page[T]]) -> list[T]:
        """Return the rows of every page, following `next_page`.

        Raises:
            MalformedAnswer: a page names itself, or one before it, as the next, or something that is no URL.
        """
        return [row async for rows in self.each_page(first, read) for row in rows]

    async def each_page(self, first: Request, read: Callable[[Answer], Page[T]]) -> AsyncGenerator[tuple[T, ...], None]:
        """Yield the rows of one page after the other; the next one is asked for when it is wanted.

        Raises:
            MalformedAnswer: as `all_pages`.
        """
        request = first
        seen: set[str] = set()
        while True:
            page = await self.calls.ask(request, read)
            yield page.rows
            if page.next_page is None:
                return
            try:
                target = next_page_target(page.next_page, self.calls.api_root)
            except ValueError as error:
                raise MalformedAnswer(first.operation.value, status=200, vault_message=f"next page: {error}") from error
            if target in seen:
                raise MalformedAnswer(first.operation.value, status=200, vault_message="the same page comes again")
            seen.add(target)
            request = requests.next_page(first, target)
