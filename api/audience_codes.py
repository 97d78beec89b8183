"""The error codes of contacts, groups and imports; error_codes has them with the others."""

from api.field_codes import Code

REQUEST = {
    "encoding_undecided": Code(
        status=422,
        meaning="The file is not in UTF-8, or not in the encoding that was named, so nobody can tell its letters.",
        remedy="Look at `preview`, which shows the first such cells in five encodings, and send the file again with "
        "`encoding`: cp1252 is Excel's in Western Europe.",
    ),
    "delimiter_undecided": Code(
        status=422,
        meaning="The file's header can be parted in several ways, and its rows do not tell which is right.",
        remedy="Look at `preview` and send the file again with `delimiter`: a comma, a semicolon, a tab or |.",
    ),
    "sheet_undecided": Code(
        status=422,
        meaning="The workbook has several sheets that are not empty, or none of the name that was given.",
        remedy="Look at `preview` and send the file again with `sheet`.",
    ),
    "header_missing": Code(
        status=422,
        meaning="The file's first line holds an address, so it may be a row, or the names of the columns.",
        remedy="Send the file again with `header`: false if it is a row, true if it names the columns.",
    ),
    "no_email_column": Code(
        status=422,
        meaning="No column of the file is known to hold the addresses.",
        remedy='Send the file again with `mapping`, such as {"Contact": "email"}; `preview` names the columns.',
    ),
    "duplicate_header": Code(
        status=422,
        meaning="Two columns of the file have the same name, or mean the same field.",
        remedy="Rename one of them, or map one to null: `message` names them.",
    ),
    "mapping_invalid": Code(
        status=422,
        meaning="`mapping` names a column that the file does not have, or a field that does not exist.",
        remedy="`message` names the columns; a field is email, first_name, last_name, name, locale, data or null.",
    ),
    "not_csv": Code(
        status=422,
        meaning="The file is neither a CSV nor an .xlsx workbook, or a damaged one.",
        remedy="`message` says what it is. Save the table as CSV in UTF-8, or as .xlsx.",
    ),
    "empty_file": Code(
        status=422,
        meaning="The file holds nothing.",
        remedy="Check that the right file was sent; its first line names the columns, each further one is a row.",
    ),
    "too_many_columns": Code(
        status=422,
        meaning="The file has more than 1,000 columns, or would have them.",
        remedy="Leave out those that nobody needs; check the delimiter. Export one group at a time.",
    ),
    "zip_bomb": Code(
        status=422,
        meaning="Unpacked, the workbook has more than 100 MB.",
        remedy="Save the sheet as CSV, which may have 200 MB.",
    ),
    "sheet_too_large": Code(
        status=422,
        meaning="The sheet has more than 1,000,000 rows or 5,000,000 cells, counted up to its last one.",
        remedy="Delete what stands far below or beside the table, or save the sheet as CSV.",
    ),
    "contact_exists": Code(
        status=409,
        meaning="There is a contact with this address already.",
        remedy="GET contacts/?email=… finds it; PATCH changes it.",
    ),
    "group_exists": Code(
        status=409,
        meaning="There is a group of this name already.",
        remedy="Use that group, or another name.",
    ),
    "group_in_use": Code(
        status=409,
        meaning="An import into this group, or a mailing to it, is not over: the group is not deleted, and keeps what "
        "the mailing was confirmed with: `from_address`, `reply_to`, `signature`, `unsubscribe`.",
        remedy="Wait until it is, or cancel it.",
    ),
    "unsubscribed": Code(
        status=409,
        meaning="The contact has unsubscribed from this group.",
        remedy="Write to them no more. If they have asked you to, send `resubscribe: true`, which is recorded.",
    ),
    "import_state": Code(
        status=409,
        meaning="The import's state does not allow this.",
        remedy="Look at its status: what is ready can be run, what runs paused, what is over undone.",
    ),
}
