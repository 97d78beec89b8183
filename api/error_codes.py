"""The registry of all error codes, with their meaning and remedy; the documentation is generated from it."""

from api import audience_codes, mailing_codes
from api.access_codes import ACCESS
from api.field_codes import FIELD, Code
from api.library_codes import LIBRARY

__all__ = ["FIELD", "REQUEST", "Code"]

_OTHERS = {
    "malformed_json": Code(
        status=400,
        meaning="The body is not one JSON object in UTF-8.",
        remedy="Send valid JSON: one object, no NaN or Infinity, no field twice, at most 32 levels deep.",
    ),
    "malformed_multipart": Code(
        status=400,
        meaning="The body is not a valid form: multipart/form-data or application/x-www-form-urlencoded.",
        remedy="`message` says what is wrong. Let your HTTP library build the body and set Content-Type.",
    ),
    "unsupported_content_type": Code(
        status=400,
        meaning="The body comes in a format or an encoding that this path does not read.",
        remedy="`message` names what came and what is read: application/json, and where an email is sent also "
        "multipart/form-data and application/x-www-form-urlencoded; not compressed.",
    ),
    "malformed_csv": Code(
        status=400,
        meaning="The file is no CSV in UTF-8 with a column `address` or `email`, or has more than 50,000 rows.",
        remedy="`message` says what is wrong. Export your own list to see the columns; split a longer file.",
    ),
    "malformed_request": Code(
        status=400,
        meaning="The request line, a header, a query parameter or the chunks of the body cannot be read, or the body "
        "is shorter than its Content-Length says.",
        remedy="Check the address, the Host header and the parameters; let your HTTP library write the request.",
    ),
    "invalid": Code(
        status=400,
        meaning="A field has the wrong form.",
        remedy="`errors` names each field and what is wrong with it.",
    ),
    "refused_by_provider": Code(
        status=400,
        meaning="A provider refused the message itself; no other provider was asked. The stored email is `failed`.",
        remedy="`message` repeats the provider's reason. Correct the message and send it anew.",
    ),
    "no_provider_can_carry": Code(
        status=400,
        meaning="None of the configured providers can carry this message.",
        remedy="`message` names the reason for each: too many recipients, too large, a blocked kind of file.",
    ),
    "invalid_to_addresses": Code(
        status=403,
        meaning="`to_addresses` is empty, or one of its addresses is not a valid mailbox.",
        remedy="Name at least one recipient; `errors` says which address is refused and why.",
    ),
    "all_suppressed": Code(
        status=403,
        meaning="Every recipient is suppressed for emails of this purpose, so nobody would get it.",
        remedy="`message` says why. suppressions/ shows the entries; delete one if its reason is gone.",
    ),
    "suppressed_for_all": Code(
        status=403,
        meaning="The address is suppressed for all teams, so this one alone cannot end it.",
        remedy="Ask GoMail's administrator, who can end it in the admin.",
    ),
    "forged_event": Code(
        status=403,
        meaning="An event is proven not to be the provider's: its signature is missing, wrong, too old or too new.",
        remedy="Compare the key or the topic here with the one at the provider; see docs/events.md.",
    ),
    "forged_event_at_mailgun": Code(
        status=406,
        meaning="The same at Mailgun, which repeats for hours whatever is answered otherwise.",
        remedy="Compare MAILGUN_EVENTS_SIGNING_KEY with the HTTP webhook signing key in Mailgun's settings.",
    ),
    "not_found": Code(
        status=404,
        meaning="There is no such resource, or it is not yours.",
        remedy="Check the id.",
    ),
    "too_late": Code(
        status=409,
        meaning="The email's status does not allow this change any more.",
        remedy="Look at its status: only waiting emails can be cancelled, only finished ones can be sent again.",
    ),
    "other_number": Code(
        status=409,
        meaning="By now more or fewer emails match than `count` says; none was sent again.",
        remedy="Look with `dry_run: true` once more, and send its `count` if those are the ones you mean.",
    ),
    "content_gone": Code(
        status=409,
        meaning="The email cannot be sent again: its body or an attachment is not kept any more, or damaged.",
        remedy="Send a new email with all its content; how long content is kept is set by GoMail's administrator.",
    ),
    "too_many_webhooks": Code(
        status=409,
        meaning="You have 50 webhook endpoints already.",
        remedy="Delete one; an endpoint may listen to any number of events.",
    ),
    "webhook_off": Code(
        status=409,
        meaning="The webhook endpoint is switched off, so nothing is posted to it.",
        remedy="Its `disabled_reason` says why; PATCH it with `enabled: true` once it can take webhooks again.",
    ),
    "idempotency_key_in_use": Code(
        status=409,
        meaning="The first request with this Idempotency-Key is still being processed.",
        remedy="Repeat the request after the seconds in Retry-After; it will get the answer of the first.",
    ),
    "idempotency_key_reused": Code(
        status=422,
        meaning="This Idempotency-Key was used with another request.",
        remedy="Use a new key for every new email, and the same key only to repeat the very same request.",
    ),
    "malware": Code(
        status=422,
        meaning="The virus scanner found malware in an attachment.",
        remedy="Clean the machine that the file comes from; `message` names the file and what was found.",
    ),
    "archive_refused": Code(
        status=422,
        meaning="An archive is beyond the limits (1,000 entries, 100 MB unpacked, packed 100 to 1, 3 deep), damaged, "
        "untrue about itself, or of a kind that is not taken.",
        remedy="`message` says why. Send the files without the archive, fewer of them, or a link.",
    ),
    "archive_encrypted": Code(
        status=422,
        meaning="An attachment is encrypted, so that it cannot be scanned for malware.",
        remedy="Send it unencrypted or as a link; GoMail's administrator may allow it (GOMAIL_REFUSED_ARCHIVES).",
    ),
    "disguised_attachment": Code(
        status=422,
        meaning="An attachment, or a file in an archive, is a program under the name of a document or a picture.",
        remedy="Do not send it; if it is meant, give it the extension of a program.",
    ),
    "not_scanned": Code(
        status=422,
        meaning="The virus scanner gave no verdict on an attachment before the email's deadline. The stored email is "
        "`failed`.",
        remedy="Send it again; if it happens again, GoMail's administrator looks at the scanner (`manage.py doctor`).",
    ),
    "one_recipient_only": Code(
        status=422,
        meaning="An email with `unsubscribe` names several recipients; a shared link unsubscribes the wrong one.",
        remedy="Send each recipient an email of their own; batches/ takes a thousand at once.",
    ),
    "erasure_not_set_up": Code(
        status=422,
        meaning="This installation has no key to hash what is kept of an erased person, so it erases nobody.",
        remedy="GoMail's administrator sets GOMAIL_TOMBSTONE_KEYS; `message` says what is missing.",
    ),
    "unsubscribe_not_set_up": Code(
        status=422,
        meaning="This installation cannot make unsubscribe links, so it takes no email with `unsubscribe`.",
        remedy="GoMail's administrator sets GOMAIL_PUBLIC_URL and GOMAIL_LINK_KEYS; `message` says what is missing.",
    ),
    **audience_codes.REQUEST,
    **mailing_codes.REQUEST,
    "method_not_allowed": Code(
        status=405,
        meaning="The path does not support this method.",
        remedy="Use one of those in the Allow header.",
    ),
    "request_timeout": Code(
        status=408,
        meaning="The request did not arrive completely in time.",
        remedy="Send it again, over a better connection or with smaller attachments; nothing of it was kept.",
    ),
    "request_too_large": Code(
        status=413,
        meaning="The request body is over the limit; it was refused before it was read.",
        remedy="Send smaller or fewer attachments.",
    ),
    "attachments_too_large": Code(
        status=413,
        meaning="All attachments together are over the limit of 7 MB (ATTACHMENTS_MAX_BYTES).",
        remedy="Send smaller or fewer attachments, or a link.",
    ),
    "body_too_large": Code(
        status=413,
        meaning="The text of the email is over 2 MB, or the texts of a batch are over 8 MB together.",
        remedy="Shorten it, or attach it as a file. Send the emails in several batches.",
    ),
    "uri_too_long": Code(
        status=414,
        meaning="The request line is over 8 KB.",
        remedy="Shorten the query; send long data in a body.",
    ),
    "expectation_failed": Code(
        status=417,
        meaning="The Expect header has another value than 100-continue.",
        remedy="Leave the Expect header out.",
    ),
    "headers_too_large": Code(
        status=431,
        meaning="There are more than 100 headers, or one of them is over 8 KB.",
        remedy="Leave out what GoMail does not read; cookies are the usual reason.",
    ),
    "internal": Code(
        status=500,
        meaning="An error inside GoMail; it is in the log of the service.",
        remedy="Look in the log of emails before you send again: the email may have been stored.",
    ),
    "unsupported_transfer_coding": Code(
        status=501,
        meaning="The body comes in a Transfer-Encoding other than chunked.",
        remedy="Send a Content-Length, or `Transfer-Encoding: chunked`; compress nothing on the way.",
    ),
    "unknown_path": Code(
        status=501,
        meaning="There is no such path below /api/.",
        remedy="Check the address; docs/ lists all paths.",
    ),
    "overloaded": Code(
        status=503,
        meaning="Too many emails are waiting, or a disk is nearly full.",
        remedy="Try again after the seconds in Retry-After; emails accepted before are being sent meanwhile.",
    ),
    "event_not_verified": Code(
        status=503,
        meaning="Whether an event is the provider's cannot be told now, so the provider must repeat it.",
        remedy="`message` says what is missing: the key or the topic of this account, or SNS's certificate.",
    ),
    "unavailable": Code(
        status=503,
        meaning="GoMail cannot store the email now, so it does not accept it.",
        remedy="Try again after the seconds in Retry-After.",
    ),
    **LIBRARY,
}

REQUEST = dict(sorted((ACCESS | _OTHERS).items(), key=lambda each: each[1].status))
