"""Signatures in HTML and text of every shape."""

import time

import pytest

from delivery.content import signatures
from delivery.content.signatures import Piece

SIGNATURE = Piece(
    id="s1", html="<b>Ann Lee</b><br>Example Ltd, Main Street 5", text="Ann Lee\nExample Ltd, Main Street 5"
)
FRAME = f'<div data-gomail-signature="s1">{SIGNATURE.html}</div>'
TEXT = "-- \nAnn Lee\nExample Ltd, Main Street 5"

# Each with | where the signature belongs below the message, and ¦ where at the end (| alone: the same place).
SHAPES = [
    "<p>Hi</p>|",
    "Hi<br>|",
    "<html><body><p>Hi</p>|</body></html>",
    "<HTML><BODY><P>Hi</P>|</BODY ></HTML>",
    "<html><body>one</body><body>two|</body></html>",
    "<body>Hi<!-- </body> -->|</body>",
    "<body>Hi|</body><!-- </body> -->",
    "<body><pre></body></pre>Hi|</body>",
    "<body><script>'</body>'</script>|</body>",
    "<body><style>.x:after{content:'</body>'}</style>Hi|</body>",
    "<body><textarea></body></textarea>|</body>",
    "<html><body>unclosed <p>Hi|",
    "<p>Hi\r\n</p>\r\n|",
    "<body>ä ö 漢字 🎉|</body>",
    "<p title='>'>Hi</p>|",
    "<P>Hi<BR/>|",
    "<body>a < b && c > d|</body>",
    "<!doctype html><html><head><title></body></title></head><body>x|</body></html>",
    "<!--[if mso]><body><![endif]--><body>x|</body>",
    "<body>x|</body>\n\n\n",
    "<body><p title='</body>'>Hi</p>|",
    "<body><img alt='a </body >'>x|",
    "<body>x<![CDATA[ </body> ]]>y|",
    "<body>x|</body><?xml </body> ?>",
    "<!--><body>x|</body>",
    "<body>x<!-- y --!>z|</body>",
    "<body>x<!--[if !mso]><!-->|</body><!--<![endif]-->",
    "<p>gmail_quote and type=cite are words here</p>|",
    "<style>.gmail_quote{color:red}</style><p>x</p>|",
    "<!-- <div class=gmail_quote> --><p>x</p>|",
    "<pre><blockquote type=cite></pre><p>x</p>|",
    '<p>Hi</p>|<div class="gmail_quote"><blockquote class="gmail_quote">old</blockquote></div>¦',
    "<body><p>Hi</p>|<blockquote type='cite'>old</blockquote>¦</body>",
    "<body><p>Hi</p>|<BLOCKQUOTE TYPE=CITE>old</BLOCKQUOTE>¦</body>",
    '<body>Hi|<hr tabindex="-1" style="display:inline-block">\n<div id="divRplyFwdMsg">From</div>old¦</body>',
    '<body>Hi|<div class="moz-cite-prefix">On … wrote:</div><blockquote type="cite">x</blockquote>¦</body>',
    '<body>Hi|<div style="border:none;border-top:solid #E1E1E1 1.0pt"><b>From:</b></div>x¦</body>',
    '|<blockquote type="cite">old</blockquote><p>the answer is below</p>¦',
    "|",
]  # fmt: skip


@pytest.mark.parametrize("at_end", [False, True], ids=["below", "end"])
@pytest.mark.parametrize("shape", SHAPES)
def test_html_stays_byte_for_byte_outside_of_the_signature(shape: str, at_end: bool) -> None:
    html = shape.replace("|", "").replace("¦", "")
    piece = Piece(id="s1", html=SIGNATURE.html, text=SIGNATURE.text, at_end=at_end)
    place = "¦" if at_end and "¦" in shape else "|"
    wanted = shape.replace(place, FRAME).replace("|", "").replace("¦", "")
    if not html:  # there is no HTML to sign
        wanted = ""
    assert signatures.signed(html, "Hi\n", [piece])[0] == wanted


# Threads as programs make them: our mail with its signature, quoted by an answer.
OURS = f"<div><p>Thanks!</p>{FRAME}</div>"
BARE = OURS.replace(' data-gomail-signature="s1"', "")  # some programs take our mark out
THREADS = {
    "gmail": '<div dir="ltr">Next</div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" '
    'class="gmail_attr">On Mon, 1 Jun 2026 at 10:00, Bob &lt;<a href="mailto:bob@example.org">bob@example.org</a>&gt; '
    'wrote:<br></div><blockquote class="gmail_quote" style="margin:0 0 0 .8ex">{}</blockquote></div>',
    "outlook": '<html><body><div class="elementToProof">Next</div><div id="appendonsend"></div>\n<hr '
    'style="display:inline-block;width:98%" tabindex="-1">\n<div id="divRplyFwdMsg" dir="ltr"><b>From:</b> Bob<br>'
    "<b>Sent:</b> Monday</div><div>{}</div></body></html>",
    "outlook-desk": '<html><body><div class="WordSection1"><p class="MsoNormal">Next</p><div><div '
    'style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in"><p><b>From:</b> Bob</p></div></div>'
    "{}</div></body></html>",
    "apple": '<html><head></head><body style="overflow-wrap: break-word;">Next<br><div><br><blockquote type="cite">'
    "<div>On 1 Jun 2026, at 10:00, Bob wrote:</div>{}</blockquote></div><br></body></html>",
    "thunderbird": '<html><head></head><body><p>Next</p><div class="moz-cite-prefix">On 01.06.26 10:00, Bob wrote:<br>'
    '</div><blockquote type="cite" cite="mid:x@example.org">{}</blockquote></body></html>',
}  # fmt: skip


@pytest.mark.parametrize("program", THREADS)
@pytest.mark.parametrize("quoted", [OURS, BARE], ids=["with-mark", "without"])
def test_a_thread_has_the_signature_once(program: str, quoted: str) -> None:
    html, text = THREADS[program].format(quoted), "Next\n"
    assert signatures.signed(html, text, [SIGNATURE]) == (html, text, [])


@pytest.mark.parametrize("program", THREADS)
def test_the_first_answer_of_a_thread_is_signed_above_what_it_quotes(program: str) -> None:
    html = signatures.signed(THREADS[program].format("<p>old</p>"), "", [SIGNATURE])[0]
    assert html.count(FRAME) == 1
    assert html.index("Next") < html.index(FRAME) < html.index("Bob")


def test_what_should_be_there_each_time_is() -> None:
    piece = Piece(id="s1", html=SIGNATURE.html, text=SIGNATURE.text, once=False)
    assert signatures.signed(OURS, "", [piece])[0].count("data-gomail-signature") == 2


TEXTS = [
    ("Hi\n|", "Hi\n|"),
    ("Hi|", "Hi|"),
    ("Hi\n\n|On Mon, 1 Jun 2026 at 10:00, Bob <bob@example.org> wrote:\n> old\n", None),
    ("Hi\n\n|On Mon, 1 Jun 2026 at 10:00, Bob\n<bob@example.org> wrote:\n> old\n", None),
    ("Hi\n|> old\n> older\n", None),
    ("Hi\n|-----Original Message-----\nFrom: Bob\n", None),
    ("Hallo\n|Am 01.06.26 um 10:00 schrieb Bob:\n> alt\n", None),
    ("Hi\n|________________________________\nFrom: Bob\nSent: Monday\n", None),
    ("Hi\n|From: Bob\nSent: Monday\nTo: Ann\n", None),
    ("Hi\na > b\n|", None),
]


@pytest.mark.parametrize("shape", [shape for shape, _ in TEXTS])
def test_text_is_signed_behind_the_delimiter(shape: str) -> None:
    before, after = shape.split("|")
    gap = "" if before.endswith("\n") else "\n"
    wanted = before + gap + TEXT + ("\n\n" + after if after else "\n")
    assert signatures.signed("", before + after, [SIGNATURE])[1] == wanted


def test_line_ends_are_those_of_the_text() -> None:
    assert signatures.signed("", "Hi\r\n", [SIGNATURE])[1] == "Hi\r\n" + TEXT.replace("\n", "\r\n") + "\r\n"


def test_a_text_that_quotes_the_signature_is_not_signed_again() -> None:
    text = "Next\n\n> Hi\n> -- \n> Ann Lee\n> Example Ltd, Main Street 5\n"
    assert signatures.signed("", text, [SIGNATURE]) == ("", text, [])


def test_a_short_signature_is_not_taken_for_a_word_of_the_mail() -> None:
    short = Piece(id="s2", html="Ann", text="Ann")
    assert signatures.signed("<p>Dear Ann</p>", "Dear Ann\n", [short])[2] == [short]
    assert signatures.signed("", "Next\n> -- \n> Ann\n", [short])[2] == []


def test_the_signature_stands_before_the_disclaimer() -> None:
    law = Piece(id="d1", html="<i>Law</i>", text="This mail is confidential, as they say.")
    html, text, put = signatures.signed("<body>Hi</body>", "Hi\n", [SIGNATURE, law])
    assert html == f'<body>Hi{FRAME}<div data-gomail-signature="d1"><i>Law</i></div></body>'
    assert text == f"Hi\n{TEXT}\n\nThis mail is confidential, as they say.\n"
    assert put == [SIGNATURE, law]


@pytest.mark.parametrize(
    ("html", "text", "kinds"),
    [
        ("", "-----BEGIN PGP SIGNED MESSAGE-----\n", []),
        ("<pre>-----BEGIN PGP MESSAGE-----</pre>", "", []),
        ("<p>x</p>", "", ["application/pkcs7-mime; smime-type=enveloped-data"]),
        ("<p>x</p>", "", ["application/pgp-signature"]),
        ("<p>x</p>", "", ["multipart/signed; micalg=sha-256"]),
    ],
)
def test_what_is_signed_or_encrypted_is_known(html: str, text: str, kinds: list[str]) -> None:
    assert signatures.is_sealed(html, text, kinds)
    assert not signatures.is_sealed("<p>PGP</p>", "S/MIME", ["application/pdf", "text/plain"])


@pytest.mark.parametrize(
    "text",
    [
        "On abc\n" * 15_000,
        ("On " + "x" * 190 + "\n") * 500,
        "From: x\n" * 12_000,
        "_" * 100_000,
        "-" * 100_000,
    ],
)
def test_a_text_made_to_be_slow_is_not(text: str) -> None:
    begun = time.thread_time()
    signatures.signed("<p>x</p>" + "<!--" * 20_000 + "type=cite " * 10_000, text, [SIGNATURE])
    assert time.thread_time() - begun < 2.0


LETTERS = 400_000
BOMBS = {
    "words that are marks": "<p>" + "cite " * (LETTERS // 5),
    "the same in a tag": "<p " + "cite " * (LETTERS // 5),
    "ends behind comments": "<!---->" * (LETTERS // 14) + "</body>" * (LETTERS // 14),
    "ends in what is no markup": "<pre></body></pre>" * (LETTERS // 18),
    "quotes in comments": "<!--<p class=gmail_quote>-->" * (LETTERS // 28),
}
LINE_BOMBS = {
    "who wrote, over and over": ("On " + "wrote" * 79 + "\n") * (LETTERS // 400),
    "who wrote nothing": ("On " + "x wrote" * 28 + ":" * 80 + "x\n") * (LETTERS // 280),
}


@pytest.mark.parametrize(
    ("html", "text"),
    [*((html, "") for html in BOMBS.values()), *(("", text) for text in LINE_BOMBS.values())],
    ids=[*BOMBS, *LINE_BOMBS],
)
def test_what_is_made_to_take_long_does_not(html: str, text: str) -> None:
    begun = time.process_time()
    assert signatures.signed(html, text, [SIGNATURE])[2] == [SIGNATURE]
    assert time.process_time() - begun < 1


def test_a_line_that_says_who_wrote_may_take_two_lines_and_no_more() -> None:
    quoted = "On Mon, 1 Jun 2026 at 10:00, Bob\n<bob@example.org> wrote:\n> old\n"
    for before in ("", "On it.\n", "On Monday we wrote: nothing.\n", "On " + "x" * 600 + "wrote:\n"):
        assert signatures.signed("", before + quoted, [SIGNATURE])[1].endswith(f"{TEXT}\n\n{quoted}")
    far = "On Mon\n\n<bob@example.org> wrote:\n"
    assert signatures.signed("", far, [SIGNATURE])[1] == f"{far}{TEXT}\n"
