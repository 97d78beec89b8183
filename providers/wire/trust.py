"""Whom TLS trusts: the machine's certificate authorities."""

import ssl
from functools import cache


@cache
def context() -> ssl.SSLContext:
    """Return the TLS context, made once per process: loading the certificates takes 30 ms.

    OpenSSL does without certificates that it cannot open. A context without any would refuse every server for as
    long as the process lives, so here that raises OSError.
    """
    made = ssl.create_default_context()
    file = ssl.get_default_verify_paths().cafile
    if file and not made.cert_store_stats()["x509"]:
        made.load_verify_locations(file)
    return made
