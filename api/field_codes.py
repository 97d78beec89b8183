"""The codes of single fields, in `errors` of an answer."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Code:
    """One stable error code."""

    status: int  # the HTTP status; 0: a code of one field, in `errors`
    meaning: str
    remedy: str


FIELD = {
    "required": Code(status=0, meaning="The field is missing.", remedy="Give it."),
    "empty": Code(status=0, meaning="The field is empty.", remedy="Give a value."),
    "wrong_type": Code(
        status=0, meaning="The value has another JSON type than the field.", remedy="See docs/."
    ),
    "invalid_json": Code(
        status=0, meaning="A multipart field that must be JSON text is not.", remedy="Send JSON."
    ),
    "invalid_address": Code(
        status=0,
        meaning="This is not one unambiguous mailbox.",
        remedy="Write `name@example.org` or `Name <name@example.org>`; put a name with special characters in quotes, "
        "or send a list with one mailbox an entry.",
    ),
    "invalid_header": Code(
        status=0, meaning="This header may not be set, or its value is invalid.", remedy="Leave it out."
    ),
    "invalid_filename": Code(status=0, meaning="The file name is invalid.", remedy="Rename the file."),
    "invalid_base64": Code(
        status=0,
        meaning="The content is not Base64.",
        remedy="Use the alphabet of RFC 4648, 4 or 5; a `data:` URL needs `;base64,`.",
    ),
    "control_character": Code(
        status=0,
        meaning="The text holds a control character or half a surrogate pair, which could break out of a header.",
        remedy="Remove it.",
    ),
    "too_long": Code(status=0, meaning="The text is too long.", remedy="Shorten it."),
    "too_many": Code(status=0, meaning="There are too many entries.", remedy="Split the request."),
    "invalid_choice": Code(
        status=0, meaning="The value is not one of those allowed.", remedy="Use one of them."
    ),
    "invalid_value": Code(status=0, meaning="The value has the wrong form.", remedy="See docs/."),
    "url_not_allowed": Code(
        status=0,
        meaning="Webhooks may not go to this URL.",
        remedy="Use https:// and a name with public addresses; the operator may allow networks and ports.",
    ),
    "unknown_field": Code(status=0, meaning="The contract has no such field.", remedy="Check the spelling."),
    "file_for_text": Code(
        status=0,
        meaning="A form sends a file in the field of a text, such as body.",
        remedy='Send the text itself, without a file name (curl: -F "body=<mail.html"), or name the file\'s field '
        "otherwise.",
    ),
    "duplicate_field": Code(status=0, meaning="The field was given twice.", remedy="Give it once."),
}
