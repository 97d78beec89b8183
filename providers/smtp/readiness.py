"""Readiness of an SMTP server: whether it accepts connection and login. It does not tell which senders it takes."""

from collections.abc import Mapping, Sequence

from providers.errors import AccountProblem, Exhausted, ProviderError
from providers.readiness import Readiness, Sender

# The default limit of attachments, 7 MiB, becomes 10.1 MB in a mail; the texts come on top.
_NEEDED = 11_000_000  # bytes

UNTOLD = Sender(
    verified=None, detail="An SMTP server does not tell. A rehearsal asks for one sender without sending."
)

_NO_LOGIN = frozenset({"530", "534", "535", "538"})
_ADVICE: Mapping[str, str] = {
    "configuration": "Look at its options in the configuration.",
    "SMTPNotSupportedError": "Look at the port and at the encryption in the configuration.",
    "SSLCertVerificationError": "The server's certificate is not trusted: look whether the host has the name in it.",
    "SSLError": "The other end speaks no TLS there: look at the port and at the encryption in the configuration.",
    "454": "The server cannot look at logins at the moment: try again later.",
    "421": "The server takes no connections at the moment: try again later.",
}


def opened(name: str, limit: int, senders: Sequence[str], answer: tuple[int, bytes]) -> Readiness:
    """Return the readiness of a server that accepted us, by its size limit and its answer to NOOP."""
    code, _ = answer
    answered = f"{name} lets us in, but answers {code} to NOOP. Ask who runs the server."
    small = (
        f"{name} takes {limit / 1e6:.1f} MB; with all the attachments that GoMail takes, a message has up to "
        f"{_NEEDED / 1e6:.0f} MB. Have the server's limit raised, or leave larger ones to another provider."
    )
    return Readiness(
        provider=name,
        problems=() if code == 250 else (answered,),
        warnings=(small,) if 0 < limit < _NEEDED else (),
        senders=dict.fromkeys(senders, UNTOLD),
    )


def closed(error: ProviderError, senders: Sequence[str], name: str) -> Readiness:
    """Return the readiness of a server that did not accept us, by the error that sending would raise."""
    if isinstance(error, Exhausted):  # nobody was asked
        return Readiness(
            provider=name,
            asked=False,
            warnings=(error.detail,),
            senders=dict.fromkeys(senders, UNTOLD),
        )
    problem = f"{error.detail.rstrip('.')}. {_advice(error)}"
    return Readiness(provider=name, problems=(problem,), senders=dict.fromkeys(senders, UNTOLD))


def _advice(error: ProviderError) -> str:
    if error.code in _NO_LOGIN:
        return "The server refuses the login: look at the user and the password."
    if error.code in _ADVICE:
        return _ADVICE[error.code]
    if isinstance(error, AccountProblem):
        return "The server does not let us in: look at its address, or ask who runs it."
    return "Look at the host, the port and the network of this machine."
