"""How often a team may read: counted by the processes of a server together, without a statement."""

import os
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from delivery.access import reads, shared_counts

pytestmark = pytest.mark.django_db


def test_a_read_fits_again_after_the_seconds_that_were_told(settings: Any, monkeypatch: Any) -> None:
    settings.GOMAIL_READS_PER_SECOND = 0.1
    now = [1000.0]
    monkeypatch.setattr(shared_counts.time, "monotonic", lambda: now[0])
    assert reads.take(1)
    with pytest.raises(reads.TooMany) as refused:
        reads.take(1)
    assert refused.value.seconds == 10
    now[0] += 9.9
    with pytest.raises(reads.TooMany):
        reads.take(1)
    now[0] += 0.1
    assert reads.take(1)


def test_processes_of_a_server_count_reads_together(settings: Any) -> None:
    settings.GOMAIL_READS_PER_SECOND = 0.001
    child = os.fork()
    if not child:
        reads.take(7)
        os._exit(0)
    os.waitpid(child, 0)
    with pytest.raises(reads.TooMany):
        reads.take(7)


@pytest.mark.parametrize("per_second", [0, 100])
def test_a_read_costs_no_statement_of_its_own(settings: Any, per_second: int) -> None:
    settings.GOMAIL_READS_PER_SECOND = per_second
    with CaptureQueriesContext(connection) as captured:
        reads.take(1)
    assert len(captured) == 0
