"""More than can be promised is refused with 503, whatever the way in; a repeated request still gets its answer."""

from typing import Any

import pytest

from delivery.models import Email
from delivery.submission import backpressure
from tests import fakes
from tests.delivery.factories import queued

LETTER = {"to_addresses": "ann@example.org", "subject": "Hello"}


def post(api: fakes.Api, headers: dict[str, str]) -> Any:
    url = f"{fakes.V1}send-email/"
    return api.client.post(url, LETTER, content_type="application/json", headers={**api.headers, **headers})


def fill(settings: Any) -> None:
    settings.GOMAIL_QUEUE_MAX = 1
    queued()
    backpressure.forget()


@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async"}])
def test_a_full_queue_is_503_with_the_time_to_come_back(
    api: fakes.Api, settings: Any, headers: dict[str, str]
) -> None:
    fill(settings)
    answer = post(api, headers)

    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "overloaded", "5")
    assert Email.objects.count() == 1


def test_a_batch_that_finds_no_room_says_so_of_each(api: fakes.Api, settings: Any) -> None:
    fill(settings)
    answer = api.post("batches/", {"emails": [LETTER, LETTER]})

    assert [row["code"] for row in answer.json()["results"]] == ["overloaded", "overloaded"]
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


def test_a_request_that_was_accepted_before_gets_its_answer_again(api: fakes.Api, settings: Any) -> None:
    key = {"Idempotency-Key": "order-1", "Prefer": "respond-async"}
    first = post(api, key)
    fill(settings)

    again = post(api, key)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
