"""The error codes of mailings; error_codes has them with the others."""

from api.field_codes import Code

REQUEST = {
    "mailing_state": Code(
        status=409,
        meaning="The mailing's state does not allow this.",
        remedy="Look at its state: a draft is checked, what is checked is started, what is sending is paused or "
        "cancelled, and what is paused is resumed. What was started cannot be changed.",
    ),
    "mailing_not_checked": Code(
        status=409,
        meaning="The mailing has not been checked since it was made or changed, or its check is not over.",
        remedy="POST check/, wait until `check.running` is false, and confirm the number of `check.recipients`.",
    ),
    "mailing_other_number": Code(
        status=409,
        meaning="The check has found another number of recipients than `recipients` says; nothing was started.",
        remedy="Look at `check` of the mailing, and send its number if that is whom you mean.",
    ),
}
