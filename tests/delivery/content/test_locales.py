import pytest

from delivery.content import locales


@pytest.mark.parametrize(
    ("written", "folded"),
    [("de_AT", "de-AT"), ("DE-at", "de-AT"), ("zh_hans_cn", "zh-Hans-CN"), ("en", "en"), ("", "")],
)
def test_a_locale_is_folded(written, folded):
    assert locales.folded(written) == folded


@pytest.mark.parametrize("written", ["deutsch!", "d", "de-", "de AT", "x" * 40, "de-AT\n"])
def test_what_is_no_locale_is_refused(written):
    with pytest.raises(locales.InvalidLocale):
        locales.folded(written)


def test_the_closest_locale_stands_in():
    assert locales.candidates("de-AT") == ["de-AT", "de", ""]
