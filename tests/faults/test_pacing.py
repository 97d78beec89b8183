"""How the mails are counted that an account sees."""

from tests.faults import pacing


def test_two_seconds_have_no_edge_that_hides_a_mail():
    assert pacing.most_in_a_window([0.0, 1.0, 1.99, 2.0, 3.98]) == 3
    assert pacing.most_in_a_window([]) == 0


def test_the_use_is_of_the_whole_time():
    assert pacing.used([0.5, 1.5, 9.0], 1.0, 2.0) == 1 / pacing.RATE
