"""The proxy that the environment names (`HTTPS_PROXY`, `NO_PROXY` ...). Blocking: for worker threads.

aiohttp's own reading of the environment is not used, because it reads `~/.netrc` too and sends what it finds there to
the Vault, beside our login.
"""

from __future__ import annotations

import urllib.request
from urllib.parse import urlsplit

__all__ = ["environment_proxy"]


def environment_proxy(base_url: str) -> str | None:
    """Return the URL of the proxy to be used for a server, or None for a direct connection.

    The URL may hold the proxy's user and password: it is a secret.
    """
    server = urlsplit(base_url)
    proxy = urllib.request.getproxies().get(server.scheme)
    if not proxy or urllib.request.proxy_bypass(server.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
