"""Lists and objects are gathered from the ways in which clients write them; everything else is given once."""

from typing import Any

import pytest
import rest_framework.views  # noqa: F401 - first: it loads our parsers, and they need it

from api.errors import ContractError
from api.forms import fields
from api.forms.stream import BrokenForm
from api.serializers import DraftSerializer


def gathered(*pairs: tuple[str, Any], charset: str = "") -> Any:
    form = fields.Fields()
    for name, content in pairs:
        form.add(name, content.encode() if isinstance(content, str) else content)
    return form.values(charset)


@pytest.mark.parametrize(
    ("pairs", "values"),
    [
        ([("subject", "a"), ("body", "")], {"subject": "a", "body": ""}),
        ([("to_addresses", "a")], {"to_addresses": "a"}),
        (
            [("to_addresses", "a"), ("to_addresses", "b"), ("to_addresses", "c")],
            {"to_addresses": ["a", "b", "c"]},
        ),
        ([("to_addresses[]", "a")], {"to_addresses": ["a"]}),
        ([("to_addresses[]", "a"), ("to_addresses[]", "b")], {"to_addresses": ["a", "b"]}),
        ([("to_addresses[0]", "a"), ("to_addresses[1]", "b")], {"to_addresses": ["a", "b"]}),
        ([("to_addresses", "a"), ("to_addresses[]", "b")], {"to_addresses": ["a", "b"]}),
        ([("to_addresses", ""), ("to_addresses", "b")], {"to_addresses": ["b"]}),
        ([("to_addresses[]", ""), ("to_addresses[]", "b")], {"to_addresses": ["b"]}),
        ([("tags[]", "")], {"tags": []}),
        *(([(name, "a"), (name, "b")], {name: ["a", "b"]}) for name in sorted(fields.LISTS)),
        ([("metadata[a]", "1"), ("metadata[b]", "2")], {"metadata": {"a": "1", "b": "2"}}),
        ([("headers[X-A]", "1")], {"headers": {"X-A": "1"}}),
        ([("subject[]", "a")], {"subject[]": "a"}),
        ([("to_addresses[a]", "b")], {"to_addresses[a]": "b"}),
        ([("to_addresses[0][email]", "b")], {"to_addresses[0][email]": "b"}),
        ([("nonsense[]", "b")], {"nonsense[]": "b"}),
    ],
)
def test_fields_are_gathered(pairs: Any, values: Any) -> None:
    assert gathered(*pairs) == values


@pytest.mark.parametrize(
    ("pairs", "name"),
    [
        ([("subject", "a"), ("subject", "a")], "subject"),
        ([("body", ""), ("body", "x")], "body"),
        ([("metadata", "{}"), ("metadata", "{}")], "metadata"),
        ([("metadata", "{}"), ("metadata[a]", "1")], "metadata[a]"),
        ([("metadata[a]", "1"), ("metadata", "{}")], "metadata"),
        ([("metadata[a]", "1"), ("metadata[a]", "2")], "metadata[a]"),
        ([("to_addresses[0]", "a"), ("to_addresses[0]", "b")], "to_addresses[0]"),
        ([("nonsense", "a"), ("nonsense", "b")], "nonsense"),
    ],
)
def test_what_was_given_twice_is_refused_by_its_name(pairs: Any, name: str) -> None:
    with pytest.raises(ContractError) as error:
        gathered(*pairs)
    assert [(one["field"], one["code"]) for one in error.value.errors] == [(name, "duplicate_field")]


def test_the_lists_and_objects_are_those_of_the_request() -> None:
    declared = DraftSerializer().fields
    assert declared.keys() >= fields.LISTS | fields.OBJECTS
    lists = {name for name, field in declared.items() if type(field).__name__ in LIST_FIELDS}
    objects = {name for name, field in declared.items() if type(field).__name__ in OBJECT_FIELDS}
    assert (lists, objects) == (fields.LISTS, fields.OBJECTS)


LIST_FIELDS = {"MailboxesField", "Recipients", "TagsField"}
OBJECT_FIELDS = {"HeadersField", "MetadataField", "VariablesField"}


@pytest.mark.parametrize(
    ("charset", "content"),
    [
        ("utf-8", "Grüße – €".encode()),
        ("UTF8", "Grüße – €".encode()),
        ("iso-8859-1", "Grüße".encode("latin-1")),
        ("ISO_8859-1", "Grüße".encode("latin-1")),
        ("latin1", "Grüße – €".encode("cp1252")),
        ("windows-1252", "Grüße – €".encode("cp1252")),
        ("us-ascii", b"Gruss"),
    ],
)
def test_a_charset_is_believed_from_the_part_the_form_or_the_field_of_the_standard(
    charset: str, content: bytes
) -> None:
    text = content.decode({"utf": "utf-8", "us-": "ascii"}.get(charset[:3].lower(), "cp1252"))
    assert gathered(("body", content), charset=charset) == {"body": text}
    assert gathered(("body", content), ("_charset_", charset)) == {"body": text}
    assert gathered(("_charset_", charset), ("body", content), charset="utf-8") == {"body": text}
    form = fields.Fields()
    form.add("body", content, charset)
    assert form.values("utf-8") == {"body": text}


@pytest.mark.parametrize(
    "charset", ["iso-2022-jp", "utf-16", "utf-7", "shift_jis", "iso-8859-15", "nonsense", "ä", "\x00"]
)
def test_another_charset_is_refused_by_its_name(charset: str) -> None:
    with pytest.raises(BrokenForm) as error:
        gathered(("body", b"x"), charset=charset)
    assert f"the field body comes in the charset {charset!a}" in str(error.value)
    assert "Send it in UTF-8" in str(error.value)


@pytest.mark.parametrize(
    ("charset", "content"), [("utf-8", b"\xff"), ("us-ascii", b"\xc3\xa4"), ("cp1252", b"\x81")]
)
def test_what_is_not_in_its_charset_is_refused_by_the_fields_name(charset: str, content: bytes) -> None:
    with pytest.raises(BrokenForm, match=f"the field body is not {charset.upper()}"):
        gathered(("body", content), charset=charset)


def test_a_nul_is_refused() -> None:
    for pair in (("body", "a\x00b"), ("bo\x00dy", "a")):
        with pytest.raises(BrokenForm, match=r"U\+0000"):
            gathered(pair)
