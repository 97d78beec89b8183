"""Forty odd files as people have them: what is in each, who should come in, and what must be said of the rest."""

import io
import zipfile
from dataclasses import dataclass, field
from typing import Any

ANN, BOB, EVE = "ann@example.org", "bob@example.org", "eve@example.org"
THREE = (ANN, BOB, EVE)
PLAIN = f"email,name\n{ANN},Ann\n{BOB},Bob\n{EVE},Eve\n"
UMLAUT = f"E-Mail;Vorname;Ort\n{ANN};Änne;Köln\n{BOB};Bob;Zürich\n{EVE};Ève;Genève\n"
POLISH = f"email;imię\n{ANN};Łucja\n{BOB};Zdzisław\n{EVE};Ewa\n"
KANA = f"メール,名前\n{ANN},アン\n{BOB},ボブ\n{EVE},エヴァ\n"


@dataclass(frozen=True, kw_only=True)
class Odd:
    """One file."""

    name: str
    content: bytes
    comes: tuple[str, ...] = THREE  # the addresses that are contacts afterwards
    rejects: tuple[str, ...] = ()  # line: code
    asks: str = ""  # the code of a question or a refusal, before `answer` is given
    answer: dict[str, Any] = field(default_factory=dict)  # of Asked
    names: dict[str, str] = field(default_factory=dict)  # by address, the first name or name that must arrive


def _text(text: str, encoding: str = "utf-8") -> bytes:
    return text.encode(encoding)


def _ended(text: str, end: str) -> bytes:
    return text.replace("\n", end).encode()


def workbook(rows: str, *, sheets: int = 1) -> bytes:
    """Return an .xlsx with these rows in each of its sheets."""
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    space = "http://schemas.openxmlformats.org"
    main, rels = f"{space}/spreadsheetml/2006/main", f"{space}/package/2006/relationships"
    office = f"{space}/officeDocument/2006/relationships"
    numbers = range(1, sheets + 1)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        parts = "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{kinds}.worksheet+xml"/>'
            for n in numbers
        )
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{space}/package/2006/content-types"><Default Extension="rels" ContentType='
            f'"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
            f'ContentType="{kinds}.sheet.main+xml"/>{parts}</Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{rels}"><Relationship Id="r1" Type="{office}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        named = "".join(f'<sheet name="Sheet{n}" sheetId="{n}" r:id="r{n}"/>' for n in numbers)
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{named}</sheets></workbook>',
        )
        links = "".join(
            f'<Relationship Id="r{n}" Type="{office}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in numbers
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{rels}">{links}</Relationships>'
        )
        for n in numbers:
            archive.writestr(
                f"xl/worksheets/sheet{n}.xml",
                f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>',
            )
    return file.getvalue()


def cells(table: list[list[Any]], *, far: str = "") -> str:
    """Return the rows of a sheet; numbers as numbers. `far`: one more cell, such as XFD1048576."""
    lines = []
    for number, row in enumerate(table, 1):
        found = "".join(
            f'<c r="{chr(65 + at)}{number}"><v>{cell}</v></c>'
            if isinstance(cell, (int, float))
            else f'<c r="{chr(65 + at)}{number}" t="inlineStr"><is><t>{cell}</t></is></c>'
            for at, cell in enumerate(row)
        )
        lines.append(f'<row r="{number}">{found}</row>')
    if far:
        lines.append(f'<row r="{far.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}"><c r="{far}"><v>1</v></c></row>')
    return "".join(lines)


_SHEET = [["email", "name", "number"], [ANN, "Ann", 1234.0], [BOB, "Bob", 5], [EVE, "Eve", 0.5]]

ENCODINGS = (
    Odd(name="UTF-8", content=_text(PLAIN)),
    Odd(name="UTF-8 with a byte order mark", content=_text(UMLAUT, "utf-8-sig"), names={ANN: "Änne"}),
    Odd(name="UTF-16 with a byte order mark", content=_text(UMLAUT, "utf-16"), names={ANN: "Änne"}),
    Odd(name="UTF-16-LE without one", content=_text(UMLAUT, "utf-16-le"), names={ANN: "Änne"}),
    Odd(name="UTF-16-BE without one", content=_text(UMLAUT, "utf-16-be"), names={EVE: "Ève"}),
    Odd(name="UTF-32-LE without one", content=_text(UMLAUT, "utf-32-le"), names={ANN: "Änne"}),
    Odd(name="UTF-32-BE without one", content=_text(UMLAUT, "utf-32-be"), names={EVE: "Ève"}),
    Odd(
        name="cp1252, a German Excel's",
        content=_text(UMLAUT, "cp1252"),
        asks="encoding_undecided",
        answer={"encoding": "cp1252"},
        names={ANN: "Änne"},
    ),
    Odd(
        name="cp1250, a Polish Excel's",
        content=_text(POLISH, "cp1250"),
        asks="encoding_undecided",
        answer={"encoding": "cp1250"},
        names={ANN: "Łucja"},
    ),
    Odd(
        name="ISO 8859-15",
        content=_text(UMLAUT, "iso8859-15"),
        asks="encoding_undecided",
        answer={"encoding": "iso-8859-15"},
        names={ANN: "Änne"},
    ),
    Odd(
        name="Mac Roman",
        content=_text(UMLAUT, "mac-roman"),
        asks="encoding_undecided",
        answer={"encoding": "mac_roman"},
        names={ANN: "Änne"},
    ),
    Odd(
        name="Shift-JIS, with Japanese headers",
        content=_text(KANA, "cp932"),
        asks="encoding_undecided",
        answer={"encoding": "cp932"},
        names={ANN: "アン"},
    ),
    Odd(
        name="UTF-8 with one byte of cp1252 in the last line",
        content=_text(PLAIN) + b"zo\xeb@example.org,Zo\xeb\n",
        asks="encoding_undecided",
        answer={"encoding": "cp1252"},
        rejects=("5: invalid_address",),
    ),
)
DIALECTS = (
    Odd(name="semicolons", content=_text(UMLAUT), names={BOB: "Bob"}),
    Odd(name="tabs", content=_text(PLAIN.replace(",", "\t"))),
    Odd(name="bars", content=_text(PLAIN.replace(",", "|"))),
    Odd(name="a first line sep=;", content=_text("sep=;\r\n" + UMLAUT.replace("\n", "\r\n"))),
    Odd(name="line ends of an old Mac (CR)", content=_ended(PLAIN, "\r")),
    Odd(name="line ends of Windows (CRLF)", content=_ended(PLAIN, "\r\n")),
    Odd(
        name="a list of addresses, one a line, with a header", content=_text(f"E-Mail\n{ANN}\n{BOB}\n{EVE}\n")
    ),
    Odd(
        name="a list of addresses without a header",
        content=_text(f"{ANN}\n{BOB}\n{EVE}\n"),
        asks="header_missing",
        answer={"header": False},
    ),
    Odd(
        name="every cell in quotes",
        content=_text(
            "".join(f'"{line.replace(",", chr(34) + "," + chr(34))}"\n' for line in PLAIN.splitlines())
        ),
    ),
    Odd(
        name="semicolons, and commas in the cells",
        content=_text(
            f"email;name;city\n{ANN};Lee, Ann;Wien, 1\n{BOB};Ray, Bob;Graz, 2\n{EVE};Fox, Eve;Linz, 3\n"
        ),
    ),
    Odd(
        name="semicolons or commas: both part the header into two",
        content=_text(f"email;first,name\n{ANN};A,nn\n{BOB};B,ob\n{EVE};E,ve\n"),
        asks="delimiter_undecided",
        answer={"delimiter": ";"},
    ),
    Odd(
        name="blank lines, and lines of delimiters alone",
        content=_text(f"email,name\n\n{ANN},Ann\n,\n{BOB},Bob\n\n{EVE},Eve\n\n"),
    ),
    Odd(name="trailing delimiters", content=_text(f"email,name\n{ANN},Ann,,\n{BOB},Bob\n{EVE},Eve,\n")),
    Odd(
        name="cells of several lines",
        content=_text(f'email,note\n{ANN},"one\ntwo\nthree"\n{BOB},x\n{EVE},"a ""b"""\n'),
    ),
    Odd(
        name="a header that names email twice",
        content=_text(f"email,E-Mail\n{ANN},x\n"),
        asks="duplicate_header",
        answer={"mapping": {"E-Mail": None}},
        comes=(ANN,),
    ),
    Odd(
        name="a header with hyphens that do not break", content=_text(PLAIN.replace("email", "E\u2011Mail*"))
    ),
    Odd(
        name="headers that differ in case",
        content=_text(f"email,City,city\n{ANN},Wien,x\n{BOB},Graz,y\n{EVE},Linz,z\n"),
        asks="duplicate_header",
        answer={"mapping": {"city": None}},
    ),
    Odd(
        name="two columns that are kept under one name",
        content=_text(f"email,city,data:city\n{ANN},Wien,x\n{BOB},Graz,y\n{EVE},Linz,z\n"),
        asks="duplicate_header",
        answer={"mapping": {"data:city": None}},
    ),
    Odd(
        name="a header that means no address",
        content=_text(f"who,update\n{ANN},1\n{BOB},2\n{EVE},3\n"),
        asks="no_email_column",
        answer={"mapping": {"who": "email"}},
    ),
)
DAMAGE = (
    Odd(
        name="an unclosed quote in 52 lines",
        content=_text("email,name\n" + f'{ANN},"Ann\n' + "".join(f"p{n}@example.org,P\n" for n in range(51))),
        comes=tuple(f"p{n}@example.org" for n in range(51)),
        rejects=("2: unclosed_quote",),
    ),
    Odd(
        name="two unclosed quotes that look like one cell",
        content=_text(f'email,name\n{ANN},"Ann\n{BOB},Bob"\n{EVE},Eve\n'),
        comes=(BOB, EVE),
        rejects=("2: unclosed_quote",),
    ),
    Odd(
        name="two unclosed quotes, in different columns",
        content=_text(f'email,name,city\n{ANN},"Ann,Wien\n{BOB},Bob",Graz\n{EVE},Eve,Linz\n'),
        comes=(BOB, EVE),
        rejects=("2: unclosed_quote",),
    ),
    Odd(
        name="a quote in the middle of a cell",
        content=_text(f'email,name\n{ANN},5" pipe\n{BOB},"Bob" Ray\n{EVE},Eve\n'),
        comes=(ANN, EVE),
        rejects=("3: unclosed_quote",),
    ),
    Odd(
        name="a NUL in a cell",
        content=_text(f"email,name\n{ANN},A\0nn\n{BOB},Bob\n{EVE},Eve\n"),
        comes=(BOB, EVE),
        rejects=("2: nul",),
    ),
    Odd(
        name="rows with too few and too many cells",
        content=_text(f"email,name,city\n{ANN},Ann\n{BOB},Bob,Graz,Austria\n{EVE},Eve,Wien\n"),
        comes=(EVE,),
        rejects=("2: cell_count", "3: cell_count"),
    ),
    Odd(
        name="two tables, one behind the other",
        content=_text(f"email,name\n{ANN},Ann\nemail,name\n{BOB},Bob\n{EVE},Eve\n"),
        rejects=("3: invalid_address",),
    ),
    Odd(
        name="a line of 100 KB",
        content=_text(f"email,name\n{ANN},{'x' * 100_000}\n{BOB},Bob\n{EVE},Eve\n"),
        comes=(BOB, EVE),
        rejects=("2: cell_too_long",),
    ),
    Odd(
        name="more data than a contact may have",
        content=_text(f"email,a,b\n{ANN},{'x' * 20_000},y\n{BOB},1,2\n{EVE},3,4\n"),
        comes=(BOB, EVE),
        rejects=("2: data_too_large",),
    ),
    Odd(
        name="a little data under long names",
        content=_text(f"email,{'a' * 17_000},b\n{ANN},x,y\n{BOB},,2\n{EVE},,4\n"),
        comes=(BOB, EVE),
        rejects=("2: data_too_large",),
    ),
    Odd(
        name="addresses with NBSP, ZWSP, a name, and two in one cell",
        content=_text(
            f"email\n\u00a0{ANN}\u200b\nBob Ray <{BOB}>\n\ufeff{EVE} \nx@example.org; y@example.org\n"
        ),
        rejects=("5: many_addresses",),
        names={BOB: "Bob Ray"},
    ),
    Odd(
        name="no address, and what is none",
        content=_text(
            f"email,name\n,Ann\nann at example.org,Ann\n{BOB},Bob\n{EVE},Eve\nann@example..org,Ann\n"
        ),
        comes=(BOB, EVE),
        rejects=("2: no_address", "3: invalid_address", "6: invalid_address"),
    ),
    Odd(
        name="the same address three times, the last wins",
        content=_text(f"email,name\n{ANN},A\n{ANN.upper()},An\n{BOB},Bob\n{EVE},Eve\n{ANN},Ann\n"),
        names={ANN: "Ann"},
    ),
    Odd(name="nothing", content=b"", asks="empty_file", comes=()),
    Odd(name="a PDF", content=b"%PDF-1.7\n1 0 obj\n", asks="not_csv", comes=()),
    Odd(
        name="a web page",
        content=b"<!DOCTYPE html><html><body>Sign in</body></html>",
        asks="not_csv",
        comes=(),
    ),
    Odd(
        name="a web page with a byte order mark",
        content=b"\xef\xbb\xbf<!DOCTYPE html><html><body>Sign in</body></html>",
        asks="not_csv",
        comes=(),
    ),
    Odd(name="an archive of nothing", content=b"PK\x05\x06" + bytes(18), asks="not_csv", comes=()),
    Odd(
        name="1,001 columns",
        content=_text(",".join(["email", *[f"c{n}" for n in range(1000)]]) + "\n"),
        asks="too_many_columns",
        comes=(),
    ),
    Odd(
        name="100,001 columns",
        content=_text(",".join(["email", *[f"c{n}" for n in range(100_000)]]) + "\n"),
        asks="too_many_columns",
        comes=(),
    ),
    Odd(
        name="a header of 100 KB",
        content=_text(f"email,{'n' * 100_000}\n{ANN},x\n"),
        asks="not_csv",
        comes=(),
    ),
    Odd(
        name="a quote that is never closed in the header",
        content=_text(f'email,"name\n{ANN},Ann\n'),
        asks="not_csv",
        comes=(),
    ),
    Odd(
        name="the same without a header",
        content=_text(f'{ANN},"Ann\n{BOB},Bob\n{EVE},Eve\n'),
        asks="header_missing",
        answer={"header": False},
        comes=(BOB, EVE),
        rejects=("1: unclosed_quote",),
    ),
    Odd(name="a NUL in the header", content=_text(f"email,na\0me\n{ANN},Ann\n"), asks="not_csv", comes=()),
)
_FAR = "".join(
    f'<row r="{row}"><c r="C{row}" t="inlineStr"><is><t>{cell}</t></is></c></row>'
    for row, cell in ((5, "email"), (6, ANN), (9, BOB), (12, "nobody"), (13, EVE))
)
_ERRORS = (
    cells([["email", "name"], [ANN, "Ann"]])
    + f'<row r="3"><c r="A3" t="inlineStr"><is><t>{BOB}</t></is></c><c r="B3" t="e"><v>#N/A</v></c></row>'
    '<row r="4"><c t="e" r="A4" s="1"><f>1/0</f><v>#DIV/0!</v></c><c r="B4"><v>1</v></c></row>'
)
WORKBOOKS = (
    Odd(name=".xlsx with numbers", content=workbook(cells(_SHEET))),
    Odd(
        name=".xlsx with two sheets",
        content=workbook(cells(_SHEET), sheets=2),
        asks="sheet_undecided",
        answer={"sheet": "Sheet2"},
    ),
    Odd(
        name=".xlsx whose table begins at C5",
        content=workbook(_FAR),
        rejects=("12: invalid_address",),
    ),
    Odd(
        name=".xlsx with errors in its cells, as a formula leaves them",
        content=workbook(_ERRORS),
        comes=(ANN, BOB),
        names={BOB: "#N/A"},
        rejects=("4: invalid_address",),
    ),
    Odd(
        name=".xlsx of 2 KB with a cell at XFD1048576",
        content=workbook(cells(_SHEET, far="XFD1048576")),
        asks="sheet_too_large",
        comes=(),
    ),
    Odd(
        name=".xlsx that unpacks to 110 MB",
        content=workbook(" " * (110 * 1024 * 1024)),
        asks="zip_bomb",
        comes=(),
    ),
    Odd(name=".xlsx that was cut", content=workbook(cells(_SHEET))[:900], asks="not_csv", comes=()),
)
ALL = (*ENCODINGS, *DIALECTS, *DAMAGE, *WORKBOOKS)


def told(odd: Odd) -> list[str]:
    """Return the row of the documentation's table."""
    said = " ".join(
        f"`{name}={value if isinstance(value, str) else str(value).lower()}`"
        for name, value in odd.answer.items()
    )
    asked = f"`{odd.asks}`" + (f", then {said}" if said else "") if odd.asks else "–"
    if odd.asks and not said:
        return [odd.name, asked, "–", "–"]
    rejects = "<br>".join(f"line {each.replace(': ', ': `')}`" for each in odd.rejects) or "–"
    return [odd.name, asked, f"{len(odd.comes)}", rejects]


def table() -> str:
    """Return the documentation's table."""
    lines = ["| file | asks or refuses | contacts | rejects |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(told(odd))} |" for odd in ALL)])
