"""One table of expectations, every adapter: whoever carries a mail, the same mail arrives."""

import pytest

from providers.message import Mailbox, file_of_bytes
from tests.providers.far_ends import FAR_ENDS
from tests.providers.letters import ATTEMPT, ID, file, letter, noise

HIDDEN = "hidden@example.net"
LOGO = file_of_bytes(noise(5_000), filename="logo.png", content_type="image/png", content_id="logo@shop")
FULL = letter(
    sender=Mailbox(address="shop@example.org", name="Müller & Söhne"),
    to=(Mailbox(address="ann@example.com", name="Änn, A."), Mailbox(address="bob@example.com")),
    cc=(Mailbox(address="cy@example.com", name="Cy"),),
    bcc=(Mailbox(address=HIDDEN, name="Hidden"),),
    reply_to=(Mailbox(address="reply@example.org", name="日本語"),),
    subject="Grüße 🎉 from us",
    text="Liebe Änn,\n.\nthe dots and 日本語 stay.\n",
    html='<p>Grüße <img src="cid:logo@shop"> 🎉</p>',
    headers={"X-Campaign": "spring-26", "List-Unsubscribe": "<https://example.org/u/1>"},
    tags=("welcome", "spring"),
    metadata={"order": "42", "shop_id": "eu-1"},
    attachments=(
        LOGO, file(noise(70_000), "Rechnung №1.pdf", "application/pdf"), file(b"", "empty.bin"),
        file("naïve;ü\r\n".encode(), "list.csv", "text/csv"),
    ),
)  # fmt: skip

# What becomes of tags and metadata where a vendor takes fewer, or none; the others take them all.
TAGS = {"ses": [], "smtp": [], "django_smtp": [], "postmark": ["welcome"]}
OUR_IDS = {"gomail_attempt": ATTEMPT, "gomail_email": ID}
METADATA = {
    "ses": {"gomail_attempt": ATTEMPT, **FULL.metadata},
    "smtp": {},
    "django_smtp": {},
}
NO_ID = {"django_smtp"}  # Django drops the server's last words


@pytest.fixture(scope="module", params=FAR_ENDS)
def end(request):
    """Send the full mail through one adapter: its name, the receipt, and what the far end has received."""
    with FAR_ENDS[request.param]() as (provider, received):
        receipt = provider.send(FULL, ATTEMPT)
        yield request.param, receipt, received()


def test_everybody_gets_it(end):
    assert end[2].envelope == {"ann@example.com", "bob@example.com", "cy@example.com", HIDDEN}


def test_a_blind_copy_is_seen_by_nobody(end):
    assert "hidden" not in end[2].shown.lower()


def test_names_and_addresses_arrive(end):
    assert end[2].sender == ("Müller & Söhne", "shop@example.org")
    assert end[2].to == [("Änn, A.", "ann@example.com"), ("", "bob@example.com")]
    assert end[2].cc == [("Cy", "cy@example.com")]
    assert end[2].reply_to == [("日本語", "reply@example.org")]


def test_the_words_arrive(end):
    assert (end[2].subject, end[2].text, end[2].html) == (FULL.subject, FULL.text, FULL.html)


def test_the_inline_image_arrives_byte_for_byte(end):
    assert end[2].inline == {"logo@shop": noise(5_000)}


def test_the_files_arrive_byte_for_byte(end):
    assert end[2].files == {
        "Rechnung №1.pdf": noise(70_000), "empty.bin": b"", "list.csv": "naïve;ü\r\n".encode(),
    }  # fmt: skip


def test_headers_arrive(end):
    expected = {"x-campaign": "spring-26", "list-unsubscribe": "<https://example.org/u/1>", "x-gomail-id": ID}
    assert expected.items() <= end[2].headers.items()


def test_tags_arrive(end):
    assert end[2].tags == TAGS.get(end[0], ["welcome", "spring"])


def test_our_id_and_metadata_arrive(end):
    assert end[2].metadata == METADATA.get(end[0], {**OUR_IDS, **FULL.metadata})


def test_the_far_end_s_id_is_kept(end):
    assert bool(end[1].message_id) is (end[0] not in NO_ID)
    assert not end[1].refused


@pytest.mark.parametrize("name", FAR_ENDS)
def test_a_mail_with_blind_copies_only_names_nobody(name):
    with FAR_ENDS[name]() as (provider, _):
        receipt = provider.send(letter(to=(), bcc=(Mailbox(address=HIDDEN),)), ATTEMPT)
    assert receipt.provider == provider.name


@pytest.mark.parametrize("name", FAR_ENDS)
def test_no_adapter_shows_what_it_knows(name):
    with FAR_ENDS[name]() as (provider, _):
        shown = repr(provider) + repr(vars(provider))
    assert not [secret for secret in ("wJalr", "SG.key", "secret", "api:key") if secret in shown]
