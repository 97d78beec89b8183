"""From a file's first record to what each of its columns becomes."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from delivery.audience import rows, synonyms
from delivery.audience.questions import NotTaken, Question

MOST: Final = 1000
EMAIL: Final = "email"
NAMES: Final = rows.NAMES
FIELDS: Final = (EMAIL, *NAMES)
DATA: Final = "data:"  # followed by the name under which it is kept
Mapping_ = Mapping[str, str | None]


def names(
    first: Sequence[str], header: bool | None, left_out: Collection[str] = ()
) -> tuple[list[str], bool]:
    """Return the columns' names, and whether the first record holds them; raise Question if it may be a person.

    `left_out`: columns that become nothing, so that another one may have their name.
    """
    if not first:
        raise NotTaken("empty_file", "The file holds no rows")
    if len(first) > MOST:
        raise too_many()
    if header is None and any(rows.looks_like_an_address(cell) for cell in first):
        raise Question(
            "header_missing",
            "The first line holds an address; say with `header` whether it names the columns or is a row",
            {"rows": [[cell[:80] for cell in first]]},
        )
    if header is False:
        return [str(number) for number in range(1, len(first) + 1)], False
    found = [cell if cell.startswith(DATA) else rows.stripped(cell) for cell in first]
    if with_nul := [name for name in found if "\0" in name]:
        raise NotTaken("not_csv", f"The name {with_nul[0][:80]!a} of a column holds a NUL character")
    _refuse_doubled([name for name in found if name not in left_out])
    return found, True


def too_many() -> NotTaken:
    """Return what is said of a file with more columns than an import takes."""
    return NotTaken("too_many_columns", f"The file has more than {MOST:,} columns, which are the most")


def fields(columns: Sequence[str], mapping: Mapping_, sample: Sequence[Sequence[str]]) -> list[str]:
    """Return what each column becomes: a field, `data:<name>`, or empty for nothing; raise what has to be asked."""
    _refuse_unknown(columns, mapping)
    found = _guessed(columns, mapping, sample)
    for at, name in enumerate(columns):
        if name in mapping:
            found[at] = _mapped(name, mapping[name])
    _refuse_twice(columns, found)
    if EMAIL not in found:
        raise Question(
            "no_email_column",
            "No column is known to hold the addresses; say with `mapping` which one does",
            {"columns": list(columns), "rows": [[cell[:80] for cell in row] for row in sample[:5]]},
        )
    return found


def _guessed(columns: Sequence[str], mapping: Mapping_, sample: Sequence[Sequence[str]]) -> list[str]:
    """Return what the headers say; of columns that are only numbers, the one with addresses."""
    meant = synonyms.fields(list(columns))
    taken = {field for field in mapping.values() if field in FIELDS}
    found: list[str] = []
    for name, field in zip(columns, meant, strict=True):
        if name.startswith(DATA):  # of our own export; a name in the data may be empty
            found.append(name)
            continue
        again = field in taken or (field != EMAIL and field in found)
        found.append(field if field and not again else f"{DATA}{name}" if name else "")
    if EMAIL in found or EMAIL in taken or columns[0] != "1":
        return found
    holding = [at for at, cell in enumerate(sample[0] if sample else ()) if rows.looks_like_an_address(cell)]
    if len(holding) == 1:
        found[holding[0]] = EMAIL
    return found


def _mapped(name: str, field: str | None) -> str:
    if field is None:
        return ""
    return f"{DATA}{name}" if field == "data" else field


def _refuse_doubled(found: Sequence[str]) -> None:
    # an export tells City from city
    plain = [name if name.startswith(DATA) else name.casefold() for name in found]
    counts = Counter(filter(None, plain))
    if twice := [name for name, same in zip(found, plain, strict=True) if counts[same] > 1]:
        raise NotTaken("duplicate_header", f"Two columns are called {twice[0][:80]!a}; rename one of them")


def _refuse_unknown(columns: Sequence[str], mapping: Mapping_) -> None:
    if unknown := [name for name in mapping if name not in columns]:
        known = ", ".join(columns)[:300]
        raise NotTaken("mapping_invalid", f"`mapping` names {unknown[0][:80]!a}; the columns are {known}")
    if wrong := [field for field in mapping.values() if field not in (None, "data", *FIELDS)]:
        allowed = ", ".join((*FIELDS, "data"))
        raise NotTaken("mapping_invalid", f"{str(wrong[0])[:80]!a} is no field; it is {allowed} or null")


def _refuse_twice(columns: Sequence[str], found: Sequence[str]) -> None:
    for field in dict.fromkeys(filter(None, found)):
        several = [name for name, one in zip(columns, found, strict=True) if one == field]
        if len(several) > 1:
            raise NotTaken(
                "duplicate_header",
                f"{several[0][:80]!a} and {several[1][:80]!a} both mean {field[:80]}; map one of them to null or data",
            )


def shown(columns: Sequence[str], found: Sequence[str]) -> dict[str, Any]:
    """Return by column what it becomes, in the words of `mapping`."""
    return {
        name or str(at): ("data" if field.startswith(DATA) else field or None)
        for at, (name, field) in enumerate(zip(columns, found, strict=True), 1)
    }
