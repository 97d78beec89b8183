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
    "template_syntax": Code(status=0, meaning="This is no Liquid.", remedy="`message` names the line."),
    "mjml_syntax": Code(status=0, meaning="This is no MJML.", remedy="`message` names the line."),
    "unknown_partial": Code(
        status=0, meaning="There is no published partial of this name.", remedy="Publish it first."
    ),
    "unknown_layout": Code(status=0, meaning="The layout is not published.", remedy="Publish it first."),
    "wrong_layout": Code(
        status=0,
        meaning="A template of HTML has a layout of MJML, or the other way round.",
        remedy="Take a layout of the same kind.",
    ),
    "no_content": Code(
        status=0,
        meaning="A layout says nowhere where the template stands.",
        remedy="Write {{ content }} there.",
    ),
    "undeclared_variable": Code(
        status=0, meaning="The template uses a variable that it does not declare.", remedy="Declare it."
    ),
    "script": Code(
        status=0, meaning="Mail programs run no scripts, and filters distrust them.", remedy="Take it out."
    ),
    "remote_import": Code(
        status=0,
        meaning="A style, a font or a page is loaded from elsewhere.",
        remedy="Write styles in <style>.",
    ),
    "render_failed": Code(
        status=0, meaning="The version cannot be written with this data.", remedy="`message` says where."
    ),
    "no_fragment": Code(
        status=0,
        meaning="A signature is put into other HTML, and cannot be a document with styles of its own.",
        remedy="Leave out html, head, body and style; write styles at the elements.",
    ),
}
