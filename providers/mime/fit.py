"""Whether a provider can carry a message, by its limits, and what it is given otherwise than it was asked for."""

from collections.abc import Callable, Iterable

from providers.base import Limits, Provider
from providers.message import Message
from providers.mime import build, parts, relayed
from providers.wire import domains


def unfit(provider: Provider, message: Message, *, allowed_headers: Iterable[str] = ()) -> str:
    """Return why a provider cannot carry this message, as a clause for a person; empty if it can.

    allowed_headers: names that any mail server may be given, beside the usual ones.
    """
    limits = provider.limits
    if limits.is_relay and (header := relayed.unlisted(message.headers, allowed_headers)):
        return f"{provider.name} is not given the header {header}, which GOMAIL_ALLOWED_HEADERS does not list"
    for rule in _RULES:
        if reason := rule(limits, message):
            return f"{provider.name} {reason}"
    return ""


def fitted(provider: Provider, message: Message) -> tuple[str, ...]:
    """Return what a provider is given otherwise than it was asked for, in words for a person."""
    limits, found = provider.limits, []
    if limits.blank_subject and not message.subject.strip():
        found.append(f"{provider.name} gets a blank for the empty subject")
    if not limits.type_parameters and any(";" in file.content_type for file in message.attachments):
        found.append(f"{provider.name} gets the types of the files without their parameters")
    if tags := _missing(message.tags, limits.tags.fitting(message.tags)):
        found.append(f"{provider.name} does not get the tags {tags}")
    if names := _missing(message.metadata, limits.metadata.fitting(_ids(message), message.metadata)):
        found.append(f"{provider.name} does not get the metadata {names}")
    return tuple(found)


def _too_blocked(limits: Limits, message: Message) -> str:
    blocked = sorted({_extension(file.filename) for file in message.attachments} & limits.blocked_extensions)
    return f"does not take .{blocked[0]} files" if blocked else ""


def _too_empty(limits: Limits, message: Message) -> str:
    empty = [] if limits.empty_files else [file.filename for file in message.attachments if not file.size]
    return f"does not take an empty file: {empty[0]}" if empty else ""


def _too_many(limits: Limits, message: Message) -> str:
    count = len(message.recipients)
    return f"takes {limits.max_recipients} recipients, not {count}" if count > limits.max_recipients else ""


def _too_blind(limits: Limits, message: Message) -> str:
    return "takes no message without a recipient in To" if limits.needs_to and not message.to else ""


def _too_near(limits: Limits, message: Message) -> str:
    if limits.special_use_domains:
        return ""
    for box in message.recipients:
        if domains.is_special_use(box.address):
            return f"delivers on the internet, where {box.address.rpartition('@')[2]} is not"
    return ""


def _too_large(limits: Limits, message: Message) -> str:
    size = _size(message)
    return (
        f"takes {limits.max_bytes / 1e6:.0f} MB, not {size / 1e6:.1f} MB" if size > limits.max_bytes else ""
    )


_RULES: tuple[Callable[[Limits, Message], str], ...] = (
    _too_blocked, _too_empty, _too_many, _too_blind, _too_near, _too_large,
)  # fmt: skip


def _missing(asked: Iterable[str], given: Iterable[str]) -> str:
    return ", ".join(sorted({*asked} - {*given}))


def _ids(message: Message) -> dict[str, str]:
    """Return what every vendor is given beside the client's metadata: an attempt's id is as long as an email's."""
    return {"gomail_attempt": message.id, "gomail_email": message.id}


def _extension(filename: str) -> str:
    return filename.rstrip(". ").rpartition(".")[2].lower() if "." in filename else ""


def _size(message: Message) -> int:
    """Return an upper bound of the encoded size; the exact size would need encoding the texts once more."""
    texts = 4 * (len(message.text) + len(message.html)) + 8192
    files = list(message.attachments)
    if files and (twice := parts.of(message).invitation):
        files.append(twice)
    headers = sum(len(name) + 2 * len(value) + 8 for name, value in message.headers.items())
    return texts + headers + sum(build.encoded_size(file.size) + 2048 for file in files)
