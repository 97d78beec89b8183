"""Which tags and metadata go with a mail: whole or not at all, ours always."""

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.base import Metadata, Tags, json_bytes
from tests.providers.adapters import OVER_HTTP
from tests.providers.far_ends import PATIENT

OURS = {"gomail_attempt": "1", "gomail_email": "2"}


def limits():
    return [adapter.build("http://127.0.0.1:1", PATIENT).limits for adapter in OVER_HTTP.values()]


@given(st.dictionaries(st.text(min_size=1, max_size=64), st.text(max_size=255), max_size=20))
@settings(max_examples=200, deadline=None)
def test_metadata_stays_within_every_vendor_s_rules_and_ours_is_kept(theirs):
    for rule in [one.metadata for one in limits()]:
        chosen = rule.fitting(OURS, theirs)
        assert OURS.items() <= chosen.items()
        assert {**theirs, **OURS}.items() >= chosen.items()
        assert len(chosen) <= rule.most
        assert rule.most_bytes is None or rule.measure(chosen) <= rule.most_bytes


@given(st.lists(st.text(min_size=1, max_size=300), max_size=15))
@settings(max_examples=200, deadline=None)
def test_tags_are_whole_and_few(tags):
    for rule in [one.tags for one in limits()]:
        chosen = rule.fitting(tags)
        assert set(chosen) <= set(tags)
        assert len(chosen) == len(set(chosen)) <= rule.most
        assert not [tag for tag in chosen if len(tag) > rule.longest]


def test_one_that_is_too_long_does_not_keep_the_next_one():
    rule = Metadata(most=10, most_bytes=120)
    theirs = {"long": "x" * 200, "short": "y"}
    assert rule.fitting(OURS, theirs) == {**OURS, "short": "y"}


def test_the_measure_is_of_what_is_sent():
    assert json_bytes({"a": "Щ"}) == len('{"a": "Щ"}'.encode())


def test_a_vendor_without_them_gets_none():
    assert (Tags().fitting(["a"]), Metadata().fitting({}, {"a": "b"})) == ([], {})
