"""What is written of docs/ by `python -m tests.reference`: api-reference.md, and the programs in keys.md."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import tests.environment  # noqa: F401 - before the settings are read: no key of the developer's .env
from tests.paths import ROOT

PAGE: Final = ROOT / "docs" / "api-reference.md"
KEYS: Final = ROOT / "docs" / "keys.md"
_PROGRAMS: Final = re.compile(r"(<!-- programs[^\n]*-->\n).*(<!-- end of programs -->)", re.DOTALL)
_KINDS: Final = {"curl": "sh", "Python": "python", "Node": "js", "PHP": "php", "Go": "go"}
_V1: Final = "/api/v1/email-service"
_JSON: Final = "application/json"
_HEAD: Final = """\
# API reference

Every operation by resource: what it does, the scope that its key needs, its parameters, and what its body
may hold (what must be there in bold). Made of the OpenAPI document by `python -m tests.reference`; do not edit
it. [api.md](api.md) explains what all have in common, `docs/` of a running GoMail has a form to try each, and
`schema/` the document itself. Errors are listed at `error-codes/`.

Paths begin with `/api/v1/email-service/`, which is `$API` below, unless they begin with `/` here.
"""


def document() -> Any:
    """Return the OpenAPI document."""
    from drf_spectacular.generators import SchemaGenerator

    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]


def page(described: Any) -> str:
    """Return the page."""
    parts = [_HEAD.rstrip("\n")]
    for tag in described["tags"]:
        parts += [
            "",
            f"## {tag['name']}",
            "",
            tag["description"],
            "",
            "| request | | scope |",
            "|---|---|---|",
        ]
        mine = list(_operations(described, tag["name"]))
        parts += [_row(described, *each) for each in mine]
        parts += [line for each in mine for line in _example(*each)]
    return "\n".join(parts) + "\n"


def _operations(described: Any, tag: str) -> Iterator[tuple[str, str, Any]]:
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            if operation["tags"] == [tag]:
                yield method.upper(), path, operation


def _row(described: Any, method: str, path: str, operation: Any) -> str:
    said = operation["description"].partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")
    names = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
    headers = [each["name"] for each in operation.get("parameters", []) if each["in"] == "header"]
    body = _body(described, operation)
    more = [
        f"{kind}: {', '.join(f'`{name}`' for name in each)}."
        for kind, each in (("Query", names), ("Headers", headers))
        if each
    ]
    more += [f"Body: {body}."] if body else []
    scope = f"`{operation['x-scope']}`" if operation.get("x-scope") else "none"
    return f"| `{method} {_shown(path)}` | {' '.join([said, *more])} | {scope} |"


def _body(described: Any, operation: Any) -> str:
    schema = operation.get("requestBody", {}).get("content", {}).get(_JSON, {}).get("schema", {})
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    needed = schema.get("required", [])
    names = schema.get("properties", {})
    return ", ".join(f"**`{name}`**" if name in needed else f"`{name}`" for name in names)


def _shown(path: str) -> str:
    return path.removeprefix(f"{_V1}/") if path.startswith(_V1) else path


def _example(method: str, path: str, operation: Any) -> Iterator[str]:
    """Return a curl for what can be sent as it is: an example of the document, or a list."""
    key = ' \\\n     -H "Authorization: Bearer $GOMAIL_KEY"'
    address = f'"$API{path.removeprefix(_V1)}"' if path.startswith(_V1) else f"http://127.0.0.1:8000{path}"
    examples = operation.get("requestBody", {}).get("content", {}).get(_JSON, {}).get("examples", {})
    needed = [each for each in operation.get("parameters", []) if each.get("required")]
    command = f"curl {address}"
    if method == "GET" and not needed:
        yield from ("", "```sh", command + (key if operation.get("x-scope") else ""), "```")
    for example in examples.values() if method == "POST" and "{" not in path else ():
        sent = json.dumps(example["value"], indent=2, ensure_ascii=False).replace("'", "'\\''")
        kind = f" -H \"Content-Type: {_JSON}\" \\\n     -d '{sent}'"
        yield from ("", "```sh", f"{command}{key}{kind}", "```")


def with_programs(text: str) -> str:
    """Return docs/keys.md with the programs that the admin shows."""
    from delivery.admin import snippets

    shown = snippets.written(f"https://mail.example.org{_V1}/send-email/", "shop@example.org")
    blocks = [f"```{_KINDS[each.name]}\n{each.text}```\n" for each in shown]
    return _PROGRAMS.sub(lambda found: found[1] + "\n".join(blocks) + found[2], text)


if __name__ == "__main__":
    import os

    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "gomail.settings"
    django.setup()
    PAGE.write_text(page(document()))
    KEYS.write_text(with_programs(KEYS.read_text()))
