"""Error codes of keys, members and limits: who may do what, and how much."""

from api.field_codes import Code

ACCESS = {
    "not_authenticated": Code(
        status=401,
        meaning="The request carries no API key.",
        remedy="Send `Authorization: Bearer <api key>`; `manage.py create_api_key TEAM` makes one.",
    ),
    "invalid_api_key": Code(
        status=401,
        meaning="The API key is unknown or revoked.",
        remedy="Check that the whole key was copied, or make a new one.",
    ),
    "api_key_expired": Code(
        status=401,
        meaning="The API key was right, and its time is over.",
        remedy="Use its successor, or let somebody who may make keys make a new one.",
    ),
    "network_not_allowed": Code(
        status=403,
        meaning="The API key may be used from some networks only, and the request came from another address.",
        remedy="`message` names the address that was seen; add it to the key's networks. Behind a proxy of your own "
        "GOMAIL_TRUSTED_PROXIES must name it, else its address is taken for the client's.",
    ),
    "sender_not_allowed": Code(
        status=403,
        meaning="This API key may not send from this address.",
        remedy="Use a sender on the key's list, or let an administrator extend the list.",
    ),
    "scope_missing": Code(
        status=403,
        meaning="This API key does not have the scope that the path asks for, or a web page of another site asks.",
        remedy="Use a key with that scope; from a page of another site, use a key.",
    ),
    "role_not_allowed": Code(
        status=403,
        meaning="A role above your own can neither be given nor taken; a key gives none that may more than itself.",
        remedy="Let the team's owner do it, in the admin, or use a key that has all scopes of the role.",
    ),
    "paused": Code(
        status=403,
        meaning="This API key or its team is paused: nothing new is taken, and what waits is neither sent nor lost.",
        remedy="Ask GoMail's administrator; `manage.py resume` ends the pause, and what waits is sent then.",
    ),
    "beyond_own_rights": Code(
        status=403,
        meaning="A key can neither make nor change one that may more than itself, makes none if it has limits, and "
        "does not end what somebody who manages the team has ordered.",
        remedy="`message` says what goes beyond: scopes, senders, networks, the last moment, limits or a pause.",
    ),
    "key_not_live": Code(
        status=409,
        meaning="The API key is revoked, has expired, or has a successor already.",
        remedy="Make a new key, or rotate the successor.",
    ),
    "already_member": Code(
        status=409,
        meaning="This address belongs to a member of the team already.",
        remedy="Change the member's role instead.",
    ),
    "last_owner": Code(
        status=409,
        meaning="This is the last owner of the team, and a team keeps one.",
        remedy="Make somebody else its owner first.",
    ),
    "member_gone": Code(
        status=409,
        meaning="The member was removed meanwhile.",
        remedy="List the members.",
    ),
    "rate_limited": Code(
        status=429,
        meaning="More recipients, or more reads, than the rate of this API key or of its team allows.",
        remedy="Repeat the request after the seconds in Retry-After. Where that is missing the request is larger than "
        "the limit and never fits: ask for less at once.",
    ),
    "daily_quota_exceeded": Code(
        status=429,
        meaning="More recipients than this API key or its team may have in any 24 hours.",
        remedy="Repeat the request after the seconds in Retry-After; there the day has room for all of it.",
    ),
    "waiting_quota_exceeded": Code(
        status=429,
        meaning="As many emails of this API key or its team are not finished as may be.",
        remedy="Wait until some are sent, or cancel some; Retry-After is a guess.",
    ),
    "storage_quota_exceeded": Code(
        status=429,
        meaning="As many bytes of bodies and attachments are kept for this API key or its team as may be.",
        remedy="Send less or smaller files, or ask GoMail's administrator to keep them for a shorter time; Retry-After "
        "is a guess.",
    ),
}
