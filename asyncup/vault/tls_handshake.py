"""The TLS handshake of a client on a socket that does not block, for event loops that can watch one.

Must not know what is sent afterwards.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Callable
from functools import partial

__all__ = ["shake_hands"]


async def shake_hands(secured: ssl.SSLSocket) -> None:
    """Do it.

    Raises:
        ssl.SSLError: one side refused the other.
        ConnectionResetError: the connection ended before.
    """
    loop, descriptor = asyncio.get_running_loop(), secured.fileno()
    while True:
        try:
            secured.do_handshake()
        except ssl.SSLWantReadError:
            await _ready(partial(loop.add_reader, descriptor), partial(loop.remove_reader, descriptor))
        except ssl.SSLWantWriteError:
            await _ready(partial(loop.add_writer, descriptor), partial(loop.remove_writer, descriptor))
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            # Nobody has refused anything: it may be a server that is just being started again.
            raise ConnectionResetError(errno.ECONNRESET, "the connection ended during the TLS handshake") from error
        else:
            return


async def _ready(watch: Callable[[Callable[[], None]], object], unwatch: Callable[[], object]) -> None:
    happened = asyncio.Event()
    watch(happened.set)
    try:
        await happened.wait()
    finally:
        unwatch()
