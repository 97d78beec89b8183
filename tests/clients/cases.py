"""What every client sends, and what must arrive."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.clients.request import JSON, MULTIPART, URLENCODED, Request

PLAIN = (("from_address", "me@example.org"), ("to_addresses", "ann@example.net"), ("subject", "Grüße"))
BODY = ("body", "Guten Tag, 日本\n")
LIST = (("from_address", "me@example.org"), ("to_addresses", "Lee, Ann <ann@example.net>"))
AWKWARD = {
    'my "quoted" letter.docx': "my _quoted_ letter.docx",
    "report (1).pdf": "report (1).pdf",
    "Отчёт за год.txt": "Отчёт за год.txt",
    "a;b=c, d.txt": "a;b=c, d.txt",
}
EMPTY = tuple(
    (name, "") for name in ("cc_addresses", "reply_to", "tags", "priority", "expires_in", "headers")
)
MB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request, and the mail that it asks for."""

    title: str
    request: Callable[[Path], Request]  # given a folder of its own
    recipients: frozenset[str] = frozenset({"ann@example.net"})
    files: Mapping[str, int] = field(default_factory=dict)  # names and sizes
    of_length: int = 0  # bytes that the whole body must have; the file is made as long as this needs


def plain(kind: str, path: str = "send-email/") -> Callable[[Path], Request]:
    return lambda folder: Request(kind=kind, fields=(*PLAIN, BODY), path=path)


def repeated(kind: str, name: str) -> Callable[[Path], Request]:
    boxes = ((name, "Lee, Ann <ann@example.net>"), (name, "bob@example.net"))
    return lambda folder: Request(kind=kind, fields=(PLAIN[0], *boxes, PLAIN[2], BODY))


def with_files(sizes: Mapping[str, int]) -> Callable[[Path], Request]:
    def request(folder: Path) -> Request:
        paths = [folder / name for name in sizes]
        for path in paths:
            path.write_bytes(b"\r\n--" * (sizes[path.name] // 4) + b"x" * (sizes[path.name] % 4))
        files = tuple((f"file{number}", path) for number, path in enumerate(paths))
        return Request(kind=MULTIPART, fields=(*PLAIN, BODY), files=files)

    return request


TWO = frozenset({"ann@example.net", "bob@example.net"})
CASES = [
    Case(title="json", request=plain(JSON)),
    Case(title="json, no slash", request=plain(JSON, "send-email")),
    Case(title="urlencoded", request=plain(URLENCODED)),
    Case(title="urlencoded, no slash", request=plain(URLENCODED, "send-mail")),
    Case(title="urlencoded, list", request=repeated(URLENCODED, "to_addresses"), recipients=TWO),
    Case(title="urlencoded, list[]", request=repeated(URLENCODED, "to_addresses[]"), recipients=TWO),
    Case(title="multipart", request=plain(MULTIPART)),
    Case(title="multipart, no slash", request=plain(MULTIPART, "send-email")),
    Case(title="multipart, list", request=repeated(MULTIPART, "to_addresses"), recipients=TWO),
    Case(title="multipart, list[]", request=repeated(MULTIPART, "to_addresses[]"), recipients=TWO),
    Case(
        title="empty fields",
        request=lambda folder: Request(kind=MULTIPART, fields=(*PLAIN, BODY, *EMPTY)),
    ),
    Case(title="one file", request=with_files({"a.bin": 1000}), files={"a.bin": 1000}),
    Case(title="an empty file", request=with_files({"a.log": 0}), files={"a.log": 0}),
    Case(
        title="awkward names",
        request=with_files(dict.fromkeys(AWKWARD, 10)),
        files=dict.fromkeys(AWKWARD.values(), 10),
    ),
    Case(title="7 MB", request=with_files({"a.bin": 7 * MB}), files={"a.bin": 7 * MB}),
    *(
        Case(title=f"{length} bytes", request=with_files({"a.bin": 1}), files={"a.bin": -1}, of_length=length)
        for length in (65_537, 65_538, 131_073, 131_074)
    ),
]
