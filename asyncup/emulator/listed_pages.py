"""One page of a long listing as an answer: its rows, and where the next page is.

Must not know what is listed.
"""

from collections.abc import Callable, Mapping

from .answers import next_page
from .calls import Call, Fields
from .paging import Rows


def listed_page(call: Call, rows: Callable[[], Rows], where: str, more_query: Mapping[str, str]) -> Fields:
    """The page that the call's `cursor` and `limit` ask for.

    Args:
        call: the call.
        rows: all rows, asked for only when there is no cursor.
        where: the path below the version that the next page is asked from.
        more_query: what its query has besides cursor and limit.
    """
    pages, switches = call.world.model.pages, call.world.switches
    cursor = call.query("cursor")
    limit = pages.limit(call.query("limit"))
    new_cursor = call.world.new_id()
    if cursor is None:
        page, rest = pages.first(rows(), limit, call.now, new_cursor)
    else:
        # With switch next_page=no-ampersand the limit sticks to the cursor, as in the documents.
        page, rest = pages.next(cursor.partition("limit=")[0], limit, call.now, new_cursor)
    if rest is None:
        return {"data": page}
    query = {"cursor": rest, "limit": str(limit), **more_query}
    return {"responseDetails": next_page(switches, call.base_url, where, query), "data": page}
