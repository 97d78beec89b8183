import email
import re
from base64 import b64decode
from dataclasses import replace
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP, compat32
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import NotAccepted, Refused
from providers.message import Attachment, Mailbox, file_of_bytes
from providers.mime import build
from tests.paths import DATA
from tests.providers.letters import ID, file, letter, noise

SAMPLES = ["letter.docx", "invoice.pdf", "photo.jpg"]

# What the border promises: no controls, no separators, no half characters.
header_text = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\x85"), max_size=300
)


def parsed(message) -> EmailMessage:
    return email.message_from_bytes(build.render(message), policy=SMTP)


def unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def shape(part) -> object:
    return (
        [part.get_content_subtype(), *map(shape, part.iter_parts())]
        if part.is_multipart()
        else part.get_content_type()
    )


def test_a_text_message_is_one_part():
    assert shape(parsed(letter())) == "text/plain"


def test_an_html_message_without_text_is_one_part():
    assert shape(parsed(letter(text="", html="<p>"))) == "text/html"


def test_text_html_inline_image_and_file_nest_as_mail_programs_expect():
    logo = file_of_bytes(b"png", filename="logo.png", content_type="image/png", content_id="logo@shop")
    message = letter(html="<img src=cid:logo@shop>", attachments=(logo, file(b"x")))
    assert shape(parsed(message)) == [
        "mixed",
        ["alternative", "text/plain", ["related", "text/html", "image/png"]],
        "application/octet-stream",
    ]


def test_an_inline_part_carries_its_content_id():
    logo = file_of_bytes(b"png", filename="logo.png", content_type="image/png", content_id="logo@shop")
    part = list(parsed(letter(html="<img src='cid:logo@shop'>", attachments=(logo,))).walk())[-1]
    assert (part["Content-ID"], part.get_content_disposition()) == ("<logo@shop>", "inline")


def test_an_inline_part_without_html_is_an_attachment():
    logo = file_of_bytes(b"png", filename="logo.png", content_type="image/png", content_id="logo@shop")
    assert shape(parsed(letter(attachments=(logo,)))) == ["mixed", "text/plain", "image/png"]


def test_headers_come_from_the_message():
    message = parsed(
        letter(cc=(Mailbox(address="c@example.com"),), reply_to=(Mailbox(address="r@example.org"),))
    )
    assert message["From"] == "Shop <shop@example.org>"
    assert message["To"] == "Ann <ann@example.com>"
    assert message["Cc"] == "c@example.com"
    assert message["Reply-To"] == "r@example.org"
    assert message["Date"].datetime == letter().date
    assert message["Message-ID"] == f"<{ID}@example.org>"
    assert message["X-GoMail-ID"] == ID


def test_bcc_appears_nowhere():
    assert b"hidden" not in build.render(letter(bcc=(Mailbox(address="hidden@example.com", name="hidden"),)))


def test_a_message_with_blind_copies_only_says_so():
    assert parsed(letter(to=(), bcc=(Mailbox(address="h@example.com"),)))["To"] == "undisclosed-recipients:;"


def test_the_same_message_gives_the_same_bytes():
    message = letter(html="<p>ü</p>", attachments=(file(noise(99)),))
    assert build.render(message) == build.render(replace(message))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_comes_back_byte_for_byte(name):
    content = (DATA / name).read_bytes()
    part = next(parsed(letter(attachments=(file(content, name),))).iter_attachments())
    assert (part.get_filename(), part.get_content()) == (name, content)


@pytest.mark.parametrize("size", [0, 1, 56, 57, 58, 57 * 1024 - 1, 57 * 1024, 57 * 1024 + 1, 200_000])
def test_a_file_of_any_size_comes_back(size):
    part = next(parsed(letter(attachments=(file(noise(size)),))).iter_attachments())
    assert part.get_content() == noise(size)


@pytest.mark.parametrize("size", [0, 1, 56, 57, 58, 57 * 1024, 200_000])
def test_the_size_is_known_without_reading_files(size):
    message = letter(text="ü" * 99, attachments=(file(noise(size)),))
    unread = replace(message, attachments=tuple(replace(a, open=lambda: 1 / 0) for a in message.attachments))
    assert build.size(unread) == len(build.render(message))


class Stream(BytesIO):
    """Gives less than was asked for, as sockets do."""

    def read(self, size=-1):
        return super().read(min(size, 1000))


def test_a_file_that_reads_slowly_comes_back_and_is_closed():
    stream = Stream(noise(100_000))
    slow = Attachment(filename="a", content_type="image/png", size=100_000, open=lambda: stream)
    part = next(parsed(letter(attachments=(slow,))).iter_attachments())
    assert part.get_content() == noise(100_000)
    assert stream.closed


def test_a_file_is_read_piece_by_piece():
    pieces = [len(piece) for piece in build.chunks(letter(attachments=(file(noise(1_000_000)),)))]
    assert max(pieces) < 100_000


def test_a_file_that_cannot_be_read_is_no_provider_s_fault():
    def failing():
        raise OSError("the disk has failed")

    broken = Attachment(filename="a.pdf", content_type="a/b", size=1, open=failing)
    with pytest.raises(NotAccepted, match=r"a\.pdf.*the disk has failed"):
        build.render(letter(attachments=(broken,)))


@pytest.mark.parametrize(
    "kind", ["message/rfc822", "multipart/mixed", "nonsense", "a/b\r\nX-Evil: 1", "text/x, y=z", "a/b/c"]
)
def test_an_odd_content_type_becomes_octets(kind):
    part = next(parsed(letter(attachments=(file(b"x", kind=kind),))).iter_attachments())
    assert part.get_content_type() == "application/octet-stream"


@pytest.mark.parametrize(
    "text",
    [
        "plain\n", "no end", "ends in space \nand tab\t\n", "From me\n", "x" * 5000, "a\r\nb\rc\n", ".\n.\n",
        "Grüße 🎉\n" * 30, "日本語" * 2000, "=20 =\n", "nul \x00 and \x0b\x0c\x1c\u2028\n",
        "\n--=_alternative_0f2a--\n", "é" * 400, ("w" * 74 + " From\n") * 3, "x" * 75 + " From you", "\n\n\n",
    ],
)  # fmt: skip
def test_a_text_comes_back(text):
    assert unix(parsed(letter(text=text, html="<i>")).get_body(("plain",)).get_content()) == unix(text)


@given(st.text(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_text_comes_back(text):
    content = parsed(letter(text=text, attachments=(file(b""),))).get_body(("plain",)).get_content()
    assert unix(content) == unix(text)


@given(st.text(max_size=400), st.text(max_size=400))
@settings(max_examples=100, deadline=None)
def test_every_line_is_safe_on_its_way(text, html):
    lines = build.render(letter(text=text, html=html)).split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert not [line for line in lines if re.search(rb"[\r\n\x00\x80-\xff]|^From |^[^ ].*[ \t]$", line)]


@given(header_text)
@settings(max_examples=300, deadline=None)
def test_any_subject_comes_back(subject):
    assert parsed(letter(subject=subject))["Subject"] == subject


@pytest.mark.parametrize(
    "subject", ["", " ", "a  b", " a ", "=?utf-8?q?x?=", "x" * 2000, "ü" * 500, "y " * 300 + "z"]
)
def test_an_odd_subject_comes_back(subject):
    assert parsed(letter(subject=subject))["Subject"] == subject


@given(header_text)
@settings(max_examples=300, deadline=None)
def test_any_display_name_comes_back(name):
    message = parsed(
        letter(to=(Mailbox(address="a@example.com", name=name), Mailbox(address="b@example.com")))
    )
    first, second = message["To"].addresses
    # The standard library's parser puts a space between encoded words in a name, and shortens runs of spaces.
    assert re.sub(r"\s", "", first.display_name) == re.sub(r"\s", "", name)
    assert (first.addr_spec, second.addr_spec) == ("a@example.com", "b@example.com")


@pytest.mark.parametrize(
    "name", ["ü" * 100, "日本語 株式会社 " * 9 + "x", "Müller, Jö (Kö)", "a  b", "=?x?="]
)
def test_a_long_display_name_comes_back_with_its_spaces(name):
    raw = email.message_from_bytes(
        build.render(letter(sender=Mailbox(address="a@b.cd", name=name))), policy=compat32
    )
    assert str(make_header(decode_header(raw["From"]))) == f"{name} <a@b.cd>"


@given(header_text)
@settings(max_examples=300, deadline=None)
def test_any_filename_comes_back(name):
    part = next(parsed(letter(attachments=(file(b"x", name),))).iter_attachments())
    assert (part.get_filename() or "") == name.strip()


@given(header_text)
@settings(max_examples=100, deadline=None)
def test_no_defect_is_found_by_an_independent_parser(value):
    message = letter(
        subject=value, sender=Mailbox(address="a@b.cd", name=value), headers={"X-Any": value},
        attachments=(file(b"x", value),), html=value,
    )  # fmt: skip
    for part in parsed(message).walk():
        assert not part.defects
        found = [(name, defect) for name, header in part.items() for defect in header.defects]
        # The second name of a file, which programs read that know no RFC 2231.
        assert {name for name, _ in found} <= {"Content-Type"}
        assert {str(defect) for _, defect in found} <= {
            "encoded word inside quoted string",
            "missing trailing whitespace after encoded-word",
        }


NAMES = [
    "report.pdf", "my report (1).pdf", "今日は世.txt", "Grüße, Jö; \"x\".pdf", "a" * 150 + ".pdf", "日" * 47 + ".txt",
    "=?x?=", "back\\slash.txt", "חשבונית 7.pdf", "naïve 🎉.csv", "a  b.txt", " lead.txt",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_old_programs_find_the_whole_name_in_the_type(name):
    raw = build.render(letter(attachments=(file(b"x", name, "text/plain; charset=utf-8"),)))
    part = email.message_from_bytes(raw, policy=compat32).get_payload()[1]
    found = part.get_param("name")
    assert str(make_header(decode_header(found))) == name
    assert part.get_param("charset") == "utf-8"
    modern = next(email.message_from_bytes(raw, policy=SMTP).iter_attachments())
    assert modern.get_filename() == name.strip()
    if "  " not in name and name == name.strip():
        assert modern.get_param("name") == name


@given(header_text)
@settings(max_examples=200, deadline=None)
def test_any_name_is_whole_in_the_type_or_is_not_there(name):
    raw = build.render(letter(attachments=(file(b"x", name),)))
    part = email.message_from_bytes(raw, policy=compat32).get_payload()[1]
    found = part.get_param("name")
    assert found is None or str(make_header(decode_header(found))) == name
    assert found is not None or not name


def test_a_name_that_fits_into_no_line_is_left_out_of_the_type():
    part = next(parsed(letter(attachments=(file(b"x", "a" * 901),))).iter_attachments())
    assert (part.get_param("name"), part.get_filename()) == (None, "a" * 901)


@pytest.mark.parametrize(
    "kind", ["text/csv; charset=utf-8", 'a/b; x="y; z"', "text/plain; format=flowed; delsp=yes"]
)
def test_a_type_keeps_its_parameters(kind):
    part = next(parsed(letter(attachments=(file(b"x", kind=kind),))).iter_attachments())
    named = {name: value for name, value in part["Content-Type"].params.items() if name != "name"}
    assert (
        f"{part.get_content_type()}; "
        + "; ".join(
            f'{name}="{value}"' if " " in value else f"{name}={value}" for name, value in named.items()
        )
        == kind
    )


INVITE = file(
    "BEGIN:VCALENDAR\r\nSUMMARY:Tisch für zwei\r\n".encode(), "invite.ics", "text/calendar; method=REQUEST"
)


@pytest.mark.parametrize(("changes", "alternatives"), [
    ({}, ["text/plain"]), ({"html": "<p>"}, ["text/plain", "text/html"]), ({"text": "", "html": "<p>"}, ["text/html"]),
    ({"text": ""}, ["text/plain"]),
])  # fmt: skip
def test_an_invitation_stands_beside_the_text_and_is_a_file(changes, alternatives):
    message = parsed(letter(attachments=(INVITE,), **changes))
    body, attached = message.iter_parts()
    assert (message.get_content_type(), body.get_content_type()) == (
        "multipart/mixed",
        "multipart/alternative",
    )
    assert [part.get_content_type() for part in body.iter_parts()] == [*alternatives, "text/calendar"]
    calendar = list(body.iter_parts())[-1]
    assert (calendar.get_param("method"), calendar.get_param("charset")) == ("REQUEST", "utf-8")
    assert (calendar.get_filename(), calendar.get_content_disposition()) == (None, None)
    assert calendar.get_payload(decode=True) == attached.get_payload(decode=True)
    assert (attached.get_filename(), attached.get_content_disposition()) == ("invite.ics", "attachment")
    assert (attached.get_content_type(), attached.get_param("method")) == ("text/calendar", "REQUEST")


def test_the_size_of_an_invitation_is_known():
    message = letter(attachments=(INVITE, file(b"x")))
    assert build.size(message) == len(build.render(message))


def test_a_file_that_the_html_does_not_show_is_a_visible_attachment():
    invoice = file_of_bytes(
        b"%PDF", filename="invoice.pdf", content_type="application/pdf", content_id="mytext"
    )
    message = parsed(letter(html="<p>Your invoice is attached.</p>", attachments=(invoice,)))
    part = next(message.iter_attachments())
    assert (part.get_content_disposition(), part["Content-ID"]) == ("attachment", None)


STRUCTURED = {
    "List-Unsubscribe": "<https://shop.example/u/YW5uQGV4YW1wbGUubmV0Cg==?list=3>,"
    " <mailto:u@shop.example?subject==?utf-8?q?x?=>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "References": " ".join(f"<ticket-{n:03}.reply.4f3a9c@support.example.org>" for n in range(300)),
    "In-Reply-To": "<=?utf-8?q?x?=@support.example.org>",
    "Auto-Submitted": "auto-generated",
    "Feedback-ID": "a:b:=?utf-8?b?eA==?=:d",
    "X-Report-Abuse": "https://example.org/?a==?b",
}  # fmt: skip


@pytest.mark.parametrize("name", STRUCTURED)
def test_a_structured_header_is_folded_and_never_encoded(name):
    raw = build.render(letter(headers={name: STRUCTURED[name]}))
    head = raw.partition(b"\r\n\r\n")[0].decode()
    lines = re.search(rf"(?m)^{name}:([^\r]*(?:\r\n [^\r]*)*)", head)[1]
    assert re.sub(r"\r\n ", " ", lines).strip() == STRUCTURED[name]
    assert max(map(len, head.split("\r\n"))) <= 998
    long_words = [word for word in STRUCTURED[name].split() if len(word) > 76]
    assert max(map(len, head.split("\r\n"))) <= 78 or long_words


@pytest.mark.parametrize("name", ["References", "list-unsubscribe", "List-Owner", "Precedence"])
def test_a_structured_header_that_is_not_ascii_is_refused(name):
    with pytest.raises(Refused, match=r"outside of ASCII"):
        build.render(letter(headers={name: "<https://example.org/ü>"}))


@pytest.mark.parametrize(
    "value", ["<news.example.org>", "Neuigkeiten für Änn <news.example.org>", '"News, all" <n.e.org>']
)
def test_the_words_of_a_list_may_be_encoded_and_its_id_not(value):
    raw = email.message_from_bytes(build.render(letter(headers={"List-Id": value})), policy=compat32)[
        "List-Id"
    ]
    assert raw.endswith(value[value.index("<") :])
    assert str(make_header(decode_header(raw))).replace('"', "") == value.replace('"', "")


def test_ids_without_blanks_between_them_are_parted():
    message = parsed(
        letter(headers={"References": "".join(f"<{n}.{'x' * 60}@a.example>" for n in range(40))})
    )
    assert message["References"].split() == [f"<{n}.{'x' * 60}@a.example>" for n in range(40)]


def test_encoded_words_never_split_a_character():
    subject = "a" + "日🎉é" * 80
    words = re.findall(rb"=\?utf-8\?b\?(.*?)\?=", build.render(letter(subject=subject)))
    assert len(words) > 1
    assert "".join(b64decode(word).decode("utf-8") for word in words) == subject


@pytest.mark.parametrize(
    "evil", ["\r\nBcc: x@evil.test", "\nX: y", "\rX: y", "\x00", "\x85", "\u2028X: y", "\ud800"]
)
@pytest.mark.parametrize(
    "field", ["subject", "from", "to", "reply", "value", "name", "file", "cid", "id", "address"]
)
def test_nothing_slips_into_the_headers(field, evil):
    bad = "x" + evil
    changes = {
        "subject": {"subject": bad},
        "from": {"sender": Mailbox(address="a@b.cd", name=bad)},
        "to": {"to": (Mailbox(address="a@b.cd", name=bad),)},
        "reply": {"reply_to": (Mailbox(address="a@b.cd", name=bad),)},
        "value": {"headers": {"X-Any": bad}},
        "name": {"headers": {bad: "x"}},
        "file": {"attachments": (file(b"x", bad),)},
        "cid": {"html": "x", "attachments": (replace(file(b"x"), content_id=bad),)},
        "id": {"id": bad},
        "address": {"to": (Mailbox(address=f"a{evil}@b.cd"),)},
    }[field]
    with pytest.raises(Refused):
        next(build.chunks(letter(**changes)))


@pytest.mark.parametrize(
    "address",
    ["a@b.cd, x@evil.test", "a@b.cd>", "<a@b.cd", "a b@c.de", '"a"@b.cd', "a@b@c.de", "ü@b.cd", "a", ""],
)
def test_an_address_that_could_be_two_is_refused(address):
    with pytest.raises(Refused):
        build.render(letter(to=(Mailbox(address=address),)))


@pytest.mark.parametrize(
    "name", ["Bcc", "bcc", "From", "Subject", "Content-Type", "X-GoMail-ID", "X Y", "X:", ""]
)
def test_a_header_that_is_ours_or_none_is_refused(name):
    with pytest.raises(Refused):
        build.render(letter(headers={name: "x"}))


def test_a_header_that_fits_into_no_line_is_refused():
    with pytest.raises(Refused):
        build.render(letter(headers={"List-Unsubscribe": f"<https://example.org/{'x' * 1000}>"}))


def test_verify_refuses_what_chunks_would_refuse():
    with pytest.raises(Refused):
        build.verify(letter(subject="a\nb"))
