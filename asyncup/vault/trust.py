"""Which certificates are trusted: those of the operating system, company CAs included. Blocking: for worker threads."""

from __future__ import annotations

import ssl
import sys

import truststore

__all__ = ["system_trust"]


def system_trust() -> ssl.SSLContext:
    """Return a TLS context that trusts what the operating system trusts.

    On Linux the system's certificates are files that OpenSSL reads itself: a plain context reads them once, here, while
    truststore reads them anew for every connection, on the event loop, for more than 20 ms. Where OpenSSL was built
    without knowing the place, and on macOS and Windows, truststore knows it.
    """
    places = ssl.get_default_verify_paths()
    if sys.platform == "linux" and (places.cafile or places.capath):
        return ssl.create_default_context()
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
