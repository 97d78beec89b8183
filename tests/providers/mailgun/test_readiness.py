import pytest

from providers import errors
from providers.mailgun import adapter
from providers.readiness import Quota
from providers.wire import http
from tests.providers import fault_server as faults
from tests.providers import forms
from tests.providers.letters import ATTEMPT, letter

KEY = "key-secret"
DOMAIN = "mail.example.org"
ABOUT = f"/v4/domains/{DOMAIN}"
QUEUE = f"/v3/domains/{DOMAIN}/sending_queues"
LIMIT = "/v5/accounts/limit/custom/monthly"
OURS = f"shop@{DOMAIN}"
QUICK = http.Timeouts(connect=0.5, read=0.6, total=2.0)


def domain(records=(), **changes):
    told = {"name": DOMAIN, "state": "active", "type": "custom", "is_disabled": False, "disabled": None}
    return faults.answer(200, {"domain": {**told, **changes}, "sending_dns_records": list(records)})


def message(status, text):
    return faults.answer(status, {"message": text})


@pytest.fixture
def provider(server):
    server.paths[ABOUT] = domain()
    server.paths[QUEUE] = faults.answer(200, {"regular": {"is_disabled": False}, "scheduled": {}})
    server.paths[LIMIT] = message(404, "No threshold for account")
    config = adapter.Config(api_key=KEY, domain=DOMAIN, base_url=server.url, timeouts=QUICK)
    provider = adapter.Mailgun(config)
    yield provider
    provider.close()


def test_a_healthy_domain_is_ready(provider):
    found = provider.check([OURS])
    assert (found.ready, found.provider, found.problems, found.warnings) == (True, "mailgun", (), ())
    assert (found.sandbox, found.quota, found.senders[OURS].verified) == (False, None, True)


def test_nothing_is_sent(server, provider):
    provider.check([OURS])
    assert [(one.method, one.path) for one in server.received] == [
        ("GET", ABOUT),
        ("GET", QUEUE),
        ("GET", LIMIT),
    ]


def test_many_senders_cost_no_more_questions(server, provider):
    provider.check([f"{number}@{DOMAIN}" for number in range(20)])
    assert len(server.received) == 3


KEYS = [
    (faults.answer(401, "Forbidden"), "401: Forbidden"),
    (message(401, "Invalid private key"), "401: Invalid private key"),
    (message(403, "not for this role"), "403: not for this role"),
]


@pytest.mark.parametrize(("answer", "said"), KEYS)
def test_a_key_that_may_not_ask_is_a_problem_and_may_be_a_sending_key(server, provider, answer, said):
    server.paths[ABOUT] = answer
    (problem,) = provider.check([OURS]).problems
    assert problem.startswith(f"mailgun: the key may not ask for {DOMAIN}. Enter a key of the account")
    assert "sending key" in problem
    assert problem.endswith(said)


def test_a_domain_that_is_not_there_may_be_in_the_other_region(server, provider):
    server.paths[ABOUT] = message(404, "Domain not found")
    (problem,) = provider.check([OURS]).problems
    assert problem.startswith(f"mailgun: there is no domain {DOMAIN}.")
    assert "https://api.eu.mailgun.net" in problem


RECORDS = [
    {"record_type": "TXT", "name": DOMAIN, "valid": "valid"},
    {"record_type": "TXT", "name": f"mx._domainkey.{DOMAIN}", "valid": "unknown"},
]


def test_an_unverified_domain_is_a_problem_that_names_the_records(server, provider):
    server.paths[ABOUT] = domain(RECORDS, state="unverified")
    found = provider.check([OURS])
    (problem,) = found.problems
    assert problem.startswith(f"mailgun: Mailgun has not verified {DOMAIN}. Add the DNS records")
    assert problem.endswith(f"Not valid yet: TXT mx._domainkey.{DOMAIN}.")
    assert found.senders[OURS].verified is False


WHY = {"code": "x", "reason": "bad customer", "permanently": False, "until": "Mon, 02 Jan 2026 15:04:05 GMT"}
DISABLED = f"mailgun: Mailgun has disabled {DOMAIN}"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"is_disabled": True, "disabled": WHY},
         f"{DISABLED}: bad customer (until Mon, 02 Jan 2026 15:04:05 GMT). Ask Mailgun's support."),
        ({"is_disabled": True}, f"{DISABLED}. Ask Mailgun's support."),
        ({"state": "disabled"}, f"{DISABLED}. Ask Mailgun's support."),
    ],
)  # fmt: skip
def test_a_disabled_domain_is_a_problem_with_its_reason(server, provider, changes, problem):
    server.paths[ABOUT] = domain(**changes)
    assert provider.check([]).problems == (problem,)


def test_a_state_that_is_not_known_is_a_warning(server, provider):
    server.paths[ABOUT] = domain(state="dozing")
    found = provider.check([OURS])
    assert found.warnings == (f"mailgun: Mailgun calls the state of {DOMAIN} 'dozing'.",)
    assert found.senders[OURS].verified is None


def test_a_sandbox_domain_is_told(server, provider):
    server.paths[ABOUT] = domain(type="sandbox")
    found = provider.check([])
    assert (found.ready, found.sandbox) == (True, True)
    assert "authorized recipients only" in found.warnings[0]


@pytest.mark.parametrize(
    ("address", "verified", "words"),
    [(f"a@{DOMAIN.upper()}", True, ""), (f"a@news.{DOMAIN}", True, ""),
     ("a@example.org", None, "unless its policy is strict"),
     ("a@other.example", None, "do not align with other.example"),
     (f"a@evil{DOMAIN}", None, "do not align")],
)  # fmt: skip
def test_a_sender_is_told_by_the_domain_that_mailgun_signs_as(provider, address, verified, words):
    told = provider.check([address]).senders[address]
    assert told.verified is verified
    assert words in told.detail


def test_a_full_queue_is_a_problem(server, provider):
    full = {"until": "soon", "reason": "You have too many messages in queue"}
    server.paths[QUEUE] = faults.answer(200, {"regular": {"is_disabled": True, "disabled": full}})
    (problem,) = provider.check([]).problems
    assert "You have too many messages in queue (until soon)" in problem


@pytest.mark.parametrize("answer", [message(401, "no"), faults.answer(200, "[]"), faults.html(403)])
def test_a_queue_that_is_not_told_is_a_warning(server, provider, answer):
    server.paths[QUEUE] = answer
    found = provider.check([])
    assert found.ready
    assert "does not tell whether its queue takes mail" in found.warnings[0]


@pytest.mark.parametrize(
    ("used", "ready", "warnings"), [(100, True, 0), (9000, True, 1), (10000, False, 0), (10001, False, 0)]
)
def test_the_account_s_own_limit_is_told(server, provider, used, ready, warnings):
    server.paths[LIMIT] = faults.answer(200, {"limit": 10000, "current": used, "period": "1m"})
    found = provider.check([])
    assert found.quota == Quota(limit=10000, used=used, per="month")
    assert (found.ready, len(found.warnings)) == (ready, warnings)


def test_a_limit_that_is_used_up_says_what_to_do(server, provider):
    server.paths[LIMIT] = faults.answer(200, {"limit": 9, "current": 9, "period": "30d"})
    assert provider.check([]).problems == (
        "mailgun has sent 9 of the 9 messages that the account's sending limit allows per 30 days. "
        "Raise the limit in Mailgun's settings, or wait.",
    )


@pytest.mark.parametrize(
    "body",
    ['{"limit": "x", "current": 1}', '{"limit": NaN, "current": 1}', f'{{"limit": 1{"0" * 400}}}', "[1]"],
)
def test_a_limit_that_makes_no_sense_is_not_told(server, provider, body):
    server.paths[LIMIT] = faults.answer(200, body)
    assert (provider.check([]).quota, provider.check([]).ready) == (None, True)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.hang(), "mailgun: the request was sent, but not answered"),
        (faults.reset(), "mailgun: the request was sent, but not answered"),
        (faults.garbage(), "mailgun: the request was sent, but not answered"),
        (faults.truncated(200), "mailgun: the request was sent, but not answered"),
        (faults.html(503), "mailgun: not the provider's own answer, 503"),
        (faults.html(401), "mailgun: not the provider's own answer, 401"),
        (faults.html(200), "mailgun: not the provider's own answer, 200"),
        (faults.redirect("https://elsewhere.example"), "mailgun: not the provider's own answer, 302"),
        (faults.answer(200, '"Mailgun Magnificent API"'), "mailgun: not the provider's own answer, 200"),
        (faults.answer(200, '{"domain": 7}'), "mailgun: not the provider's own answer, 200"),
        (faults.answer(200, "[" * 9999), "mailgun: not the provider's own answer, 200"),
        (message(500, "oops"), "mailgun is failing; look at Mailgun's status page."),
        (message(420, "slow down"), "mailgun wants fewer questions; ask again later."),
    ],
    ids=str,
)
def test_no_clear_answer_is_one_problem_and_ends_the_questions(server, provider, fault, words):
    server.paths[ABOUT] = fault
    found = provider.check([OURS])
    assert len(found.problems) == 1
    assert words in found.problems[0]
    assert len(server.received) <= 1
    assert found.senders[OURS].verified is None


def test_a_closed_port_is_a_problem():
    url = f"http://127.0.0.1:{faults.closed_port()}"
    provider = adapter.Mailgun(adapter.Config(api_key=KEY, domain=DOMAIN, base_url=url, timeouts=QUICK))
    (problem,) = provider.check([]).problems
    assert problem.startswith("mailgun: the request was not sent")


@pytest.mark.parametrize("path", [ABOUT, QUEUE, LIMIT])
@pytest.mark.parametrize("status", [200, 401, 404, 500])
def test_no_key_is_in_any_sentence(server, provider, path, status):
    echo = f"{KEY} {provider._config.credentials}"
    body = {"message": echo, "regular": {"is_disabled": True, "disabled": {"reason": echo}},
            "domain": {"state": echo, "is_disabled": True, "disabled": {"reason": echo}}}  # fmt: skip
    server.paths[path] = faults.answer(status, body)
    shown = repr(provider.check([OURS]))
    assert KEY not in shown
    assert provider._config.credentials not in shown


def test_a_key_that_no_header_can_hold_is_a_problem_that_does_not_quote_it(server):
    config = adapter.Config(api_key=f"{KEY}\n", domain="a b", base_url=server.url + "\n", timeouts=QUICK)
    found = adapter.Mailgun(config).check([])
    assert len(found.problems) == 1
    assert KEY not in repr(found)


def test_a_rehearsal_is_the_same_mail_in_the_test_mode(server, provider):
    server.default = faults.answer(200, {"id": "<m-1@x>", "message": "Queued. Thank you."})
    receipts = [provider.send(letter(), ATTEMPT), provider.rehearse(letter(), ATTEMPT)]
    sent, rehearsed = (forms.fields(one) for one in server.received)
    assert rehearsed == [("o:testmode", "yes"), *sent]
    assert receipts[0] == receipts[1]
    assert forms.file(server.received[0]) == forms.file(server.received[1])


def test_a_rehearsal_raises_what_sending_would(server, provider):
    server.default = message(400, "'to' parameter is not a valid address")
    with pytest.raises(errors.RecipientsRefused):
        provider.rehearse(letter(), ATTEMPT)
