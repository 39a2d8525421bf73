"""A certificate for one run of the emulator, and the authority that a client must trust for it.

Must not know HTTP. `trustme` is needed for this alone, so it is imported here alone.
"""

import ssl
from pathlib import Path

CA_FILE = "emulator-ca.pem"


def make_certificate(host: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """What the server listens with, and the file with the authority's certificate.

    Raises:
        RuntimeError: trustme is not installed.
    """
    try:
        import trustme  # noqa: PLC0415 - nobody else should need it
    except ImportError as error:
        raise RuntimeError("TLS for the emulator needs trustme: pip install trustme") from error
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*dict.fromkeys((host, "localhost", "127.0.0.1"))).configure_cert(context)
    ca_file = folder / CA_FILE
    authority.cert_pem.write_to_path(str(ca_file))
    return context, ca_file
