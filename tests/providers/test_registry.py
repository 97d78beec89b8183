import pytest

from providers import registry
from providers.ses import adapter
from tests.providers.letters import letter

SES = {"AWS_SES_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "wJalr"}
SENDGRID = {"SENDGRID_API_KEY": "SG.key"}
BOTH = SES | SENDGRID


def built(names, settings):
    return [(provider.name, provider.type) for provider in registry.build(names, settings)]


@pytest.mark.parametrize("names", [("ses", "sendgrid"), ("sendgrid", "ses")])
def test_the_order_of_the_names_is_the_order_of_preference(names):
    assert [name for name, _ in built(names, BOTH)] == list(names)
    assert registry.problems(names, BOTH) == []


def test_a_provider_without_credentials_is_left_out_and_told():
    assert built(("ses", "sendgrid"), SENDGRID) == [("sendgrid", "sendgrid")]
    assert registry.problems(("ses", "sendgrid"), SENDGRID) == [
        "ses is left out: Set AWS_SES_REGION, for instance to eu-west-1."
    ]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "keys are set, but no region"),
        ({"AWS_SES_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a"}, "Set AWS_SECRET_ACCESS_KEY as well"),
        ({"AWS_SES_REGION": "eu-west-1", "AWS_SECRET_ACCESS_KEY": "b"}, "Set AWS_ACCESS_KEY_ID as well"),
        (SES | {"AWS_SES_ENDPOINT_URL": "localhost:99"}, "AWS_SES_ENDPOINT_URL is not an HTTP address"),
    ],
)
def test_what_is_wrong_with_ses_is_told(variables, words):
    assert words in registry.problems(["ses"], variables)[0]
    assert built(["ses"], variables) == []


@pytest.mark.parametrize(
    "variables", [{}, {"SENDGRID_API_KEY": "a b"}, SENDGRID | {"SENDGRID_BASE_URL": "x"}]
)
def test_what_is_wrong_with_sendgrid_is_told(variables):
    assert "SENDGRID" in registry.problems(["sendgrid"], variables)[0]
    assert built(["sendgrid"], variables) == []


MAILGUN = {"MAILGUN_API_KEY": "key-1", "MAILGUN_DOMAIN": "mail.example.org"}


@pytest.mark.parametrize("missing", MAILGUN)
def test_what_is_wrong_with_mailgun_is_told(missing):
    assert f"Set {missing}" in registry.problems(["mailgun"], MAILGUN | {missing: ""})[0]
    assert built(["mailgun"], MAILGUN) == [("mailgun", "mailgun")]


@pytest.mark.parametrize("variables", [{}, {"MANDRILL_API_KEY": "k", "MANDRILL_BASE_URL": "x"}])
def test_what_is_wrong_with_mandrill_is_told(variables):
    assert "MANDRILL" in registry.problems(["mandrill"], variables)[0]
    assert built(["mandrill"], {"MANDRILL_API_KEY": "k"}) == [("mandrill", "mandrill")]


@pytest.mark.parametrize("url", ["", "mail.example.org", "smtp://u:s3cret@h?x=y"])
def test_what_is_wrong_with_smtp_is_told(url):
    (problem,) = registry.problems(["smtp"], {"SMTP_URL": url})
    assert "SMTP_URL" in problem
    assert "s3cret" not in problem


def test_an_smtp_server_is_named_by_a_url():
    (provider,) = registry.build(["backup=smtp"], {"BACKUP_SMTP_URL": "smtp://u:s3cret@mail.example.org"})
    assert repr(provider) == "SMTP('backup', host='mail.example.org')"


POSTMARK = {
    "POSTMARK_DJANGO_BACKEND": "anymail.backends.postmark.EmailBackend",
    "POSTMARK_DJANGO_OPTIONS": '{"server_token": "s3cret-token"}',
}


def test_a_django_backend_has_a_name_of_its_own():
    (provider,) = registry.build(["postmark=django"], POSTMARK)
    assert repr(provider) == "DjangoBackend('postmark', 'anymail.backends.postmark.EmailBackend')"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("BACKEND", ""), ("BACKEND", "os.system"), ("BACKEND", "anymail.backends.nobody.EmailBackend"),
     ("OPTIONS", ""), ("OPTIONS", "{"), ("OPTIONS", "[]"), ("OPTIONS", '{"fail_silently": true}'),
     ("OPTIONS", '{"api_key": "s3cret-token"}')],
)  # fmt: skip
def test_what_is_wrong_with_a_django_backend_is_told(variable, value):
    settings = POSTMARK | {f"POSTMARK_DJANGO_{variable}": value}
    (problem,) = registry.problems(["postmark=django"], settings)
    assert "POSTMARK_DJANGO_" in problem
    assert "s3cret-token" not in problem
    assert registry.build(["postmark=django"], settings) == ()


def test_ses_may_take_its_keys_from_the_machine():
    assert built(["ses"], {"AWS_SES_REGION": "eu-west-1"}) == [("ses", "ses")]


def test_an_unknown_name_is_told():
    assert "no provider of type 'sess'" in registry.problems(["sess"], BOTH)[0]


def test_a_name_given_twice_counts_once():
    assert built(["ses", "ses"], SES) == [("ses", "ses")]
    assert registry.problems(["ses", "ses"], SES) == ["ses is left out: it is named twice."]


def test_a_second_account_reads_variables_with_its_name():
    settings = SES | {"SES_EU_AWS_SES_REGION": "eu-central-1"}
    _, second = registry.build(["ses", "ses-eu=ses"], settings)
    assert (second.name, second.type) == ("ses-eu", "ses")
    assert isinstance(second, adapter.SES)
    assert "eu-central-1" in repr(second)
    assert "SES_B_AWS_SES_REGION" in registry.problems(["ses-b=ses"], settings)[0]


def test_the_sandbox_needs_nothing():
    (provider,) = registry.build([" sandbox ", ""], {})
    assert provider.send(letter(), "1").message_id == "sandbox-1"


def test_a_key_with_a_newline_around_it_is_a_key():
    assert built(["sendgrid"], {"SENDGRID_API_KEY": " SG.key\n"}) == [("sendgrid", "sendgrid")]


def test_nothing_shows_a_secret():
    shown = repr(registry.build(["ses", "sendgrid"], BOTH)) + str(
        registry.problems(["ses", "sendgrid"], BOTH)
    )
    assert not [secret for secret in ("wJalr", "SG.key") if secret in shown]


def test_an_accounts_events_have_a_source_of_its_own() -> None:
    names, settings = ("ses", "eu=mailgun", "backup=smtp"), {"EU_MAILGUN_EVENTS_SIGNING_KEY": "k"}
    sources = {name: registry.source(name, names, settings) for name in ("ses", "eu", "backup", "sendgrid")}
    kinds = {name: type(source).__module__ for name, source in sources.items() if source}
    assert kinds == {"ses": "providers.ses.events", "eu": "providers.mailgun.events"}
