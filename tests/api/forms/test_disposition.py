"""A name is read whole, or its header is refused."""

import random
import re
import time

import pytest

from api.forms import disposition
from api.forms.stream import BrokenForm

CYRILLIC = "Отчёт.txt"


@pytest.mark.parametrize(
    ("header", "name", "filename"),
    [
        ('form-data; name="a"', "a", None),
        ("form-data; name=a", "a", None),
        ('FORM-DATA;NAME="a";FileName="b"', "a", "b"),
        ('form-data; filename="b"; name="a"', "a", "b"),
        ('form-data; name = "a" ; filename = "b" ;', "a", "b"),
        ('form-data;\tname="a";\tfilename="b"', "a", "b"),
        ('form-data; name=""; filename=""', "", ""),
        ('form-data; name="f"; filename="my "quoted" letter.docx"', "f", 'my "quoted" letter.docx'),
        ('form-data; name="f"; filename=""quoted""', "f", '"quoted"'),
        ('form-data; name="f"; filename="a"; b.docx"', "f", 'a"; b.docx'),
        ('form-data; name="f"; filename="a;b=c.txt"', "f", "a;b=c.txt"),
        ('form-data; name="f"; filename="a\\"b.txt"', "f", 'a"b.txt'),
        ('form-data; name="f"; filename="a\\\\\\"b.txt"', "f", 'a\\"b.txt'),
        ('form-data; name="f"; filename="C:\\dir\\x.pdf"', "f", "C:\\dir\\x.pdf"),
        ('form-data; name="f"; filename="a%22b%22.txt"', "f", 'a"b".txt'),
        ('form-data; name="f"; filename="my%20%22quoted%22%20letter.docx"', "f", 'my "quoted" letter.docx'),
        ('form-data; name="f"; filename="%D0%9E%D1%82%D1%87%D1%91%D1%82.txt"', "f", CYRILLIC),
        ('form-data; name="f"; filename="100%2541.txt"', "f", "100%41.txt"),
        ('form-data; name="f"; filename="100%41.txt"', "f", "100%41.txt"),
        ('form-data; name="f"; filename="my report%20.txt"', "f", "my report%20.txt"),
        ('form-data; name="f"; filename="%d0%9e.txt"', "f", "%d0%9e.txt"),
        ('form-data; name="f"; filename="%FF.txt"', "f", "%FF.txt"),
        ('form-data; name="f"; filename="a%00.txt"', "f", "a%00.txt"),
        ('form-data; name="f"; filename="a%2Fb.txt"', "f", "a%2Fb.txt"),
        ('form-data; name="f"; filename="\\"', "f", "\\"),
        ("form-data; name=f; filename=report(1).pdf", "f", "report(1).pdf"),
        ("form-data; name=f; filename=my report.pdf", "f", "my report.pdf"),
        ("form-data; name=f; filename=my report.pdf ; size=5", "f", "my report.pdf"),
        (f"form-data; name=body; filename={CYRILLIC}", "body", CYRILLIC),
        ("form-data; name=f; filename=a;b.txt", "f", "a;b.txt"),
        ("form-data; name=f; filename=a, b; c.txt", "f", "a, b; c.txt"),
        ("form-data; name=f; filename=a=b.txt", "f", "a=b.txt"),
        ('form-data; name=f; filename=my "quoted" letter.docx', "f", 'my "quoted" letter.docx'),
        ("form-data; name=f; filename='a.txt'", "f", "'a.txt'"),
        ("form-data; name=f; filename=a\\b.txt", "f", "a\\b.txt"),
        ("form-data; name=f; filename*=UTF-8''report(1).pdf", "f", "report(1).pdf"),
        ("form-data; name=f; filename*=UTF-8''my report.pdf", "f", "my report.pdf"),
        ("form-data; name=f; filename*=utf-8'ru'%D0%9E%D1%82%D1%87%D1%91%D1%82.txt", "f", CYRILLIC),
        ("form-data; name=f; filename*=\"utf-8''%D0%9E%D1%82%D1%87%D1%91%D1%82.txt\"", "f", CYRILLIC),
        ("form-data; name=f; filename*=windows-1251''%CE%F2%F7%B8%F2.txt", "f", CYRILLIC),
        ("form-data; name=f; filename*=KOI8-R''%EF%D4%DE%A3%D4.txt", "f", CYRILLIC),
        ("form-data; name=f; filename*=iso-8859-1''%DC.pdf", "f", "Ü.pdf"),
        ("form-data; name=f; filename*=shift_jis''%93%FA.txt", "f", "日.txt"),
        ("form-data; name=f; filename=_.txt; filename*=utf-8''%C3%9C.txt", "f", "Ü.txt"),
        ("form-data; name=f; filename*=utf-8''%C3%9C.txt; filename=_.txt", "f", "Ü.txt"),
        ("form-data; name=f; filename=U.txt; filename*=utf-8''%DC.txt", "f", "U.txt"),
        ("form-data; name=f; filename=U.txt; filename*=utf-16''a", "f", "U.txt"),
        ("form-data; name=f; filename=U.txt; filename*=nonsense''a", "f", "U.txt"),
        ("form-data; name=f; filename=U.txt; filename*=utf-8''100%.txt", "f", "U.txt"),
        ("form-data; name=f; filename=\"a; filename*=utf-8''b.pdf\"", "f", "a; filename*=utf-8''b.pdf"),
        (
            "form-data; name=f; filename*0*=utf-8''%D0%9E%D1%82; filename*1*=%D1%87%D1%91%D1%82.txt",
            "f",
            CYRILLIC,
        ),
        ("form-data; name=f; filename*1=.txt; filename*0*=utf-8''100%25", "f", "100%.txt"),
        # .NET writes the same name in two ways.
        (
            'form-data; name=f; filename="=?utf-8?B?Pz8/?="; '
            "filename*=utf-8''%D0%9E%D1%82%D1%87%D1%91%D1%82.txt",
            "f",
            CYRILLIC,
        ),
        ("form-data; name=f; filename==?utf-8?b?0J7RgtGH0ZHRgi50eHQ=?=", "f", CYRILLIC),
        ('form-data; name=f; filename="=?utf-8?b?0J7RgtGH0ZHRgi50eHQ=?="', "f", CYRILLIC),
        ('form-data; name=f; filename="=?utf-8?b?eA0K?="', "f", "=?utf-8?b?eA0K?="),
    ],
)
def test_a_name_is_read_as_clients_write_it(header: str, name: str, filename: str | None) -> None:
    assert disposition.of_part(header) == (name, filename)


@pytest.mark.parametrize(
    "header",
    [
        "form-data",
        'form-data; filename="b"',
        'form-data; filename="report.pdf"; name"file"',
        'form-data; filename="report.pdf" name="file"',
        "",
        'attachment; name="a"; filename="b"',
        'form-data; name="a',
        'form-data; name="f"; filename="report',
        'form-data; name="f"; filename="re"port.pdf',
        'form-data; name="f"; filename="report.pdf\\"',
        "form-data; name=f; filename=report.pdf;",
        'form-data; name="f"; filename="re"; name="port.pdf"',
        'form-data; name="f"; filename="re"; filename="port.pdf"',
        'form-data; name="f"; filename="re"; x="port.pdf"',
        "form-data; name=f; filename=re; x=port.pdf",
        'form-data; name="f"; filename="re"port"; x=.pdf',
        "form-data; name=f; filename*=a",
        "form-data; name=f; filename*=utf-8''",
        "form-data; name=f; filename*=utf-8''%ff",
        "form-data; name=f; filename*=utf-8''100%",
        "form-data; name=f; filename*=utf-7''+AOQ-",
        "form-data; name=f; filename*=utf-8''\u00e4",
        "form-data; name=f; filename*1*=utf-8''b",
        "form-data; name=f; filename*0*=utf-8''a; filename*2*=c",
        "form-data; name=f; filename*0=a; filename*1=b",
        'form-data name="f"',
        'form-data; x; name="f"',
    ],
)
def test_what_could_be_half_a_name_is_refused(header: str) -> None:
    with pytest.raises(BrokenForm):
        disposition.of_part(header)


NAMES = ["report.pdf", "my report (final).pdf", "Отчёт за год.docx", "a;b=c.txt", "naïve file.tar.gz"]
LETTERS = "\"'\\;=()<>,: \t%*аz.\u200f/"
MUTATIONS = 5000


def mutated(letters: random.Random, name: str) -> str:
    """Return the name with up to three letters more, less or other."""
    for _ in range(letters.randint(1, 3)):
        position = letters.randint(0, len(name))
        name = name[:position] + letters.choice(LETTERS) + name[position + letters.randint(0, 1) :]
    return name


def as_written(letters: random.Random, name: str) -> str:
    """Return a part's header as one of the ways has it in which clients write the name, right or wrong."""
    ways = ['"{}"', "{}", '"{}";', '"{}"; size=5', '"{}', " {} "]
    written = letters.choice(ways).format(name)
    return letters.choice(
        [f"form-data; name=f; filename={written}", f"form-data; filename={written}; name=f"]
    )


def test_five_thousand_mutated_headers_are_whole_or_refused() -> None:
    letters = random.Random(7578)
    whole = refused = 0
    for number in range(MUTATIONS):
        name = mutated(letters, NAMES[number % len(NAMES)])
        try:
            found = disposition.of_part(as_written(letters, name))
        except BrokenForm:
            refused += 1
            continue
        whole += 1
        assert found[0] == "f"
        assert found[1] is not None
        assert same(found[1], name), (found, name)
    assert min(whole, refused) > 500


def same(found: str, name: str) -> bool:
    """Tell whether a file name is the one that was written: quotes and backslashes may have been escapes."""
    return bare(found) == bare(name)


def bare(name: str) -> str:
    return re.sub(r'[\s"\\]', "", name)


@pytest.mark.parametrize(
    "piece", ['"', " ", ";", "; ", "a=", ';a="', '" ;', "\\", '\\"', "=?", "%", ";a", '";']
)
def test_eight_kilobytes_of_anything_cost_no_time(piece: str) -> None:
    start = time.process_time()
    for header in (
        f"form-data; name={piece * (8000 // len(piece))}",
        f'form-data; name="{piece * (8000 // len(piece))}"',
    ):
        try:
            disposition.of_part(header)
        except BrokenForm:
            continue
    assert time.process_time() - start < 2
