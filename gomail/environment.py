"""Reads the environment variables that configure everything, with an error for an invalid one."""

import difflib
import os
import re
import zoneinfo
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Final

from django.core.exceptions import ImproperlyConfigured
from dotenv import dotenv_values, load_dotenv

BASE_DIR = Path(__file__).resolve().parent.parent
ENV_FILE = BASE_DIR / ".env"

MOST_PORT: Final = 65_535
_ALIKE: Final = 0.85
_LONGEST_NUMBER: Final = 20  # digits
# Read by the server and the suite, by the examples for clients, or only where another variable is set.
_ELSEWHERE: Final = frozenset(
    f"{start}{end}"
    for start, ends in {
        "": "HOST PORT WEB_CONCURRENCY WEB_THREADS",
        "GOMAIL_": "KEY TESTING TEST_EVERYTHING WARNINGS_TOLD",
        "GOMAIL_OIDC_": "ISSUER CLIENT_ID CLIENT_SECRET NAME",
    }.items()
    for end in ends.split()
)
known: set[str] = set()  # names that have been asked for
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def load(file: Path) -> dict[str, str | None]:
    """Let a file fill in the variables that the environment lacks, and return what is in it; nothing where it is none.

    Raises ImproperlyConfigured for one that cannot be read, or is not UTF-8.
    """
    if not file.is_file():
        return {}
    try:
        load_dotenv(file)
        return dotenv_values(file)
    except OSError as error:
        raise ImproperlyConfigured(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"{file} is not UTF-8 at byte {error.start}: save it as UTF-8.") from error


def text(name: str, default: str = "") -> str:
    """Return a variable's value, or the content of the file named by NAME_FILE; empty counts as unset."""
    known.add(name)
    path = os.environ.get(f"{name}_FILE", "")
    return (_content(f"{name}_FILE", path) if path else os.environ.get(name, "").strip()) or default


def _content(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name} names {path!r}, which cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"{name} names {path!r}, which is no text in UTF-8.") from error


def misspelt() -> list[tuple[str, str]]:
    """Return names that look like ours and are not read, each with the one that it may stand for, or nothing.

    To be asked once the settings have been read: it goes by what they asked for.
    """
    ours = known | _ELSEWHERE
    set_by_hand = {name for name in os.environ if name.startswith("GOMAIL_")} | in_file
    found = []
    for name in sorted(name for name in set_by_hand if not _is_ours(name, ours)):
        close = difflib.get_close_matches(name.upper().removesuffix("_FILE"), ours, 1, _ALIKE)
        if close or (name in in_file and name.startswith("GOMAIL_")):
            found.append((name, close[0] if close else ""))
    return found


def _is_ours(name: str, ours: set[str]) -> bool:
    """Tell whether a variable is read, or would be if its account were among GOMAIL_PROVIDERS."""
    plain = name.removesuffix("_FILE")
    if plain.startswith("GOMAIL_"):
        return plain in ours or plain.startswith("GOMAIL_HOLD_SECONDS_")
    return plain in ours or any(plain.endswith(f"_{each}") for each in ours)


def truth(name: str, *, default: bool) -> bool:
    """Return a boolean; raise ImproperlyConfigured for any other word."""
    word = text(name, str(default)).lower()
    if word not in _TRUE | _FALSE:
        raise ImproperlyConfigured(f"{name} is {word!r}; write true or false.")
    return word in _TRUE


def number(name: str, default: int, *, least: int = 1, most: int = 1_000_000_000) -> int:
    """Return a whole number; raise ImproperlyConfigured if it is not one, or beyond these bounds."""
    word = text(name, str(default))
    if not (word.isascii() and word.isdigit() and int(word[:_LONGEST_NUMBER]) >= least):
        raise ImproperlyConfigured(f"{name} is {word!r}; write a whole number in digits, {least} or more.")
    if len(word) > _LONGEST_NUMBER or int(word) > most:
        raise ImproperlyConfigured(f"{name} is {word[:_LONGEST_NUMBER]}; it may be {most:,} at most.")
    return int(word)


def rate(name: str, default: str = "0") -> float:
    """Return how many there may be a second; raise ImproperlyConfigured for what is no number."""
    word = text(name, default)
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", word):
        raise ImproperlyConfigured(f"{name} is {word!r}; write a number a second, such as 10 or 2.5.")
    return float(word)


def words(name: str, default: str = "") -> list[str]:
    """Return the words of a comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def urls(name: str) -> tuple[str, ...]:
    """Return the URLs of a list; blanks, ends of lines or commas are between them, and commas may be in them."""
    given = re.split(r"[\s,]+(?=[A-Za-z0-9]{1,20}://)", text(name))
    if any("://" not in url for url in given if url):
        raise ImproperlyConfigured(f"{name} holds what is no URL; write slack://…, mailto://… and so on.")
    return tuple(url for url in given if url)


def seconds(name: str, default: str) -> tuple[float, ...]:
    """Return a comma-separated list of seconds; raise ImproperlyConfigured for anything else."""
    given = words(name, default) or [""]
    if wrong := [word for word in given if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,3})?", word)]:
        raise ImproperlyConfigured(f"{name} holds {wrong[0]!r}; write seconds, separated by commas: 0,5,300")
    return tuple(map(float, given))


def ports(name: str) -> tuple[int, ...]:
    """Return a comma-separated list of ports; raise ImproperlyConfigured for anything else."""
    given = words(name)
    if wrong := [
        word for word in given if not (word.isascii() and word.isdigit() and 0 < int(word) <= MOST_PORT)
    ]:
        raise ImproperlyConfigured(f"{name} holds {wrong[0]!r}; write ports, separated by commas: 8443,9443")
    return tuple(map(int, given))


def place(name: str) -> str:
    """Return host:port; raise ImproperlyConfigured for anything else."""
    word = text(name)
    host, _, port = word.rpartition(":")
    if word and not (host and port.isascii() and port.isdigit() and 0 < int(port) <= MOST_PORT):
        raise ImproperlyConfigured(f"{name} is {word!r}; write host:port: 0.0.0.0:9464")
    return word


def name_servers(name: str) -> tuple[tuple[str, int], ...]:
    """Return the addresses and ports of name servers; raise ImproperlyConfigured for anything else."""
    return tuple(_name_server(name, word) for word in words(name))


def _name_server(name: str, word: str) -> tuple[str, int]:
    found = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::([0-9]{1,5}))?|([0-9.]+)(?::([0-9]{1,5}))?", word)
    address, port = (found[1] or found[3], int(found[2] or found[4] or 53)) if found else (word, 53)
    try:
        return str(ip_address(address)), _port(port)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} holds {word!r}; write addresses, separated by commas: 9.9.9.9, [2620:fe::fe]:53"
        ) from error


def _port(number: int) -> int:
    if not 0 < number <= MOST_PORT:
        raise ValueError(number)
    return number


def zone(name: str) -> str:
    """Return the name of a time zone, UTC by default; raise ImproperlyConfigured if it is none."""
    word = text(name, "UTC")
    if word not in zoneinfo.available_timezones():
        raise ImproperlyConfigured(f"{name} is {word!r}; write a time zone such as Europe/Berlin, or UTC.")
    return word


def networks(name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return a comma-separated list of addresses and networks; raise ImproperlyConfigured for anything else."""
    try:
        return tuple(ip_network(word) for word in words(name))
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name}: {error}; write networks, separated by commas: 10.1.0.0/16"
        ) from error


in_file: Final = frozenset(load(ENV_FILE))  # the names that stand in .env
