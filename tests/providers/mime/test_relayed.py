"""The headers that a mail server of unknown make is given."""

import pytest

from providers.mime import relayed

USUAL = [
    *("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "list-help", "LIST-POST", "In-Reply-To"),
    *(
        "References",
        "Auto-Submitted",
        "Precedence",
        "importance",
        "X-Priority",
        "Feedback-ID",
        "Organization",
    ),
]
STRANGE = [
    *("X-MSYS-API", "X-MJ-CustomID", "X-PM-Tag", "X-Mailin-Tag", "Apparently-To", "X-Envelope-To", "X-Job"),
    *(
        "X-Campaign",
        "IsTransactional",
        "List",
        "List-",
        "X-List-Id",
        "X-References",
        "References-2",
        "Keywords",
    ),
    *("X-PriorityX", "Organization ", "X_Priority", "sender.ip", ""),
]


@pytest.mark.parametrize("name", USUAL)
def test_what_readers_alone_look_at_passes(name: str) -> None:
    assert relayed.unlisted([name], ()) == ""


@pytest.mark.parametrize("name", [name for name in STRANGE if name])
def test_any_other_name_does_not(name: str) -> None:
    assert relayed.unlisted(["References", name], ()) == name


def test_what_the_operator_lists_passes_in_any_case() -> None:
    assert relayed.unlisted(["X-Campaign", "x-order"], ["x-campaign", "X-Order"]) == ""
    assert relayed.unlisted(["X-Campaign-2"], ["X-Campaign"]) == "X-Campaign-2"
