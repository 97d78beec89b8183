import pytest

from providers import errors
from providers.mandrill import adapter
from providers.readiness import NoTestMode, Quota
from providers.wire import http
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, letter

KEY = "md-secret"
PING, INFO, DOMAINS = "/users/ping2.json", "/users/info.json", "/senders/domains.json"
OURS = "shop@example.org"
QUICK = http.Timeouts(connect=0.5, read=0.6, total=2.0)
GOOD = {"valid": True, "error": None}
BAD = {"valid": False, "error": "no such record"}


def info(**changes):
    told = {"username": "1", "reputation": 85, "hourly_quota": 500, "backlog": 0, "stats": {}}
    return faults.answer(200, {**told, **changes})


def domains(*listed):
    return faults.answer(200, list(listed))


def domain(name="example.org", **changes):
    signing = {"spf": GOOD, "dkim": GOOD, "dkim2": GOOD, "verified_at": "2025-04-20 13:00:00"}
    return {"domain": name, "valid_signing": True, **signing, **changes}


def refusal(name, text, status=500):
    return faults.answer(status, {"status": "error", "code": -1, "name": name, "message": text})


@pytest.fixture
def provider(server):
    server.paths[PING] = faults.answer(200, {"PING": "PONG!"})
    server.paths[INFO] = info()
    server.paths[DOMAINS] = domains(domain())
    provider = adapter.Mandrill(adapter.Config(api_key=KEY, base_url=server.url, timeouts=QUICK))
    yield provider
    provider.close()


def test_a_healthy_account_is_ready(provider):
    found = provider.check([OURS])
    assert (found.ready, found.provider, found.problems, found.warnings) == (True, "mandrill", (), ())
    assert (found.sandbox, found.quota, found.senders[OURS].verified) == (None, None, True)


def test_nothing_is_sent(server, provider):
    provider.check([OURS, "a@example.org"])
    assert [(one.method, one.path) for one in server.received] == [
        ("POST", PING), ("POST", INFO), ("POST", DOMAINS)
    ]  # fmt: skip
    assert all(one.json() == {"key": KEY} for one in server.received)


REFUSALS = [
    (refusal("Invalid_Key", "Invalid API key"),
     "mandrill: Mandrill does not accept the key. Enter an active API key. "
     "Mandrill answered Invalid_Key: Invalid API key"),
    (refusal("GeneralError", "Account is suspended"),
     "mandrill: Mandrill has suspended the account. Look there for the reason, or ask Mandrill's support. "
     "Mandrill answered GeneralError: Account is suspended"),
    (refusal("PaymentRequired", "Pay", 402),
     "mandrill: Mandrill wants to be paid. Look there at the account's billing. "
     "Mandrill answered PaymentRequired: Pay"),
    (refusal("ServiceUnavailable", "Down", 503),
     "mandrill: Mandrill does not say whether it takes mail. Look at the account and at its status page. "
     "Mandrill answered ServiceUnavailable: Down"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "problem"), REFUSALS)
def test_a_refusal_is_a_problem_that_says_what_to_do(server, provider, answer, problem):
    server.paths[PING] = answer
    assert provider.check([OURS]).problems == (problem,)
    assert len(server.received) == 1


@pytest.mark.parametrize("path", [INFO, DOMAINS])
def test_an_account_that_is_suspended_later_on_is_a_problem(server, provider, path):
    server.paths[path] = refusal("GeneralError", "Your account has been suspended.")
    assert "has suspended the account" in provider.check([OURS]).problems[0]


MAY_NOT = [refusal("Invalid_Key", "Key not allowed"), faults.html(403), faults.answer(200, "x")]


@pytest.mark.parametrize("answer", MAY_NOT)
@pytest.mark.parametrize(("call", "verified"), [("users/info", True), ("senders/domains", None)])
def test_a_question_that_a_good_key_may_not_ask_is_a_warning(server, provider, answer, call, verified):
    server.paths[f"/{call}.json"] = answer
    found = provider.check([OURS])
    assert (found.ready, found.senders[OURS].verified) == (True, verified)
    (warning,) = found.warnings
    assert warning.startswith(f"mandrill: Mandrill does not answer {call}. Allow the key to call it.")


def test_too_many_domains_are_not_read(server, provider):
    server.paths[DOMAINS] = domains(*(domain(f"{number}.example", note="x" * 700) for number in range(99)))
    found = provider.check([OURS])
    assert found.warnings == ("mandrill: the answer to senders/domains is too long to be read.",)


def test_a_backlog_is_a_full_quota_and_a_warning(server, provider):
    server.paths[INFO] = info(backlog=12)
    found = provider.check([])
    assert (found.ready, found.quota) == (True, Quota(limit=500, used=500, per="hour"))
    assert found.warnings == (
        "mandrill: Mandrill holds back 12 messages, since the hourly or monthly quota is used up. "
        "New mail waits behind them. Raise the quota, or wait.",
    )


def test_no_quota_at_all_is_a_problem(server, provider):
    server.paths[INFO] = info(hourly_quota=0)
    assert provider.check([]).problems == (
        "mandrill: Mandrill lets the account send no mail. Look there for the reason.",
    )


def test_a_low_reputation_is_a_warning(server, provider):
    server.paths[INFO] = info(reputation=40)
    found = provider.check([])
    assert found.ready
    assert found.warnings == ("mandrill: the account's reputation is 40 of 100; from 75 it is good.",)


@pytest.mark.parametrize(
    "body", ["{}", "[]", '{"backlog": "x", "hourly_quota": NaN}', f'{{"backlog": 1{"0" * 400}}}']
)
def test_numbers_that_make_no_sense_are_not_told(server, provider, body):
    server.paths[INFO] = faults.answer(200, body)
    found = provider.check([])
    assert (found.ready, found.quota) == (True, None)


SENDERS = [
    (domain(dkim2=BAD, dkim=BAD, valid_signing=False), "DKIM is not valid (no such record)."),
    (domain(spf=BAD, valid_signing=False), "SPF is not valid (no such record)."),
    (domain(spf={}, dkim=None, dkim2=None, valid_signing=False), "DKIM is not valid; SPF is not valid."),
    (domain(verified_at=None, valid_signing=False), "its ownership is not verified."),
    (
        domain("elsewhere.example"),
        "Mandrill does not know example.org. Add and verify it in Mandrill's settings",
    ),
]


@pytest.mark.parametrize(("listed", "words"), SENDERS)
def test_an_unverified_sender_is_told_what_is_missing_and_no_problem_of_the_account(
    server, provider, listed, words
):
    server.paths[DOMAINS] = domains(listed)
    found = provider.check([OURS])
    assert (found.ready, found.senders[OURS].verified) == (True, False)
    assert words in found.senders[OURS].detail


def test_an_older_key_of_dkim_is_enough(server, provider):
    server.paths[DOMAINS] = domains(domain(dkim2=BAD, verified_at=None, valid_signing=False))
    assert "DKIM" not in provider.check([OURS]).senders[OURS].detail


def test_a_domain_below_a_known_one_is_uncertain(provider):
    told = provider.check(["a@news.example.org"]).senders["a@news.example.org"]
    assert told.verified is None
    assert told.detail.startswith("Mandrill lists example.org and not news.example.org.")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.hang(), "mandrill: the request was sent, but not answered"),
        (faults.reset(), "mandrill: the request was sent, but not answered"),
        (faults.garbage(), "mandrill: the request was sent, but not answered"),
        (faults.truncated(200), "mandrill: the request was sent, but not answered"),
        (faults.html(200), "mandrill: not the provider's own answer, 200"),
        (faults.html(502), "mandrill: not the provider's own answer, 502"),
        (faults.redirect("https://elsewhere.example"), "mandrill: not the provider's own answer, 302"),
        (faults.answer(200, "PONG"), "mandrill: not the provider's own answer, 200"),
        (faults.answer(200, "[" * 9999), "mandrill: not the provider's own answer, 200"),
        (faults.answer(500, '{"name": 3}'), "mandrill: not the provider's own answer, 500"),
    ],
    ids=str,
)
def test_no_clear_answer_is_one_problem_and_ends_the_questions(server, provider, fault, words):
    server.paths[PING] = fault
    found = provider.check([OURS])
    assert len(found.problems) == 1
    assert words in found.problems[0]
    assert len(server.received) <= 1


def test_a_closed_port_is_a_problem():
    url = f"http://127.0.0.1:{faults.closed_port()}"
    (problem,) = (
        adapter.Mandrill(adapter.Config(api_key=KEY, base_url=url, timeouts=QUICK)).check([]).problems
    )
    assert problem.startswith("mandrill: the request was not sent")


@pytest.mark.parametrize("path", [PING, INFO, DOMAINS])
@pytest.mark.parametrize("name", ["Invalid_Key", KEY])
@pytest.mark.parametrize("text", [f"{KEY} is wrong", f"{KEY} is suspended"])
def test_no_key_is_in_any_sentence(server, provider, path, name, text):
    server.paths[path] = refusal(name, text)
    assert KEY not in repr(provider.check([OURS]))


def test_no_key_is_in_what_is_said_of_a_sender(server, provider):
    wrong = {"valid": False, "error": KEY}
    server.paths[DOMAINS] = domains(domain(valid_signing=False, dkim=wrong, dkim2=wrong, spf=wrong))
    assert KEY not in repr(provider.check([OURS]))


def test_there_is_no_test_mode_and_nothing_is_handed_over(server, provider):
    with pytest.raises(NoTestMode, match="With a test key, send it: nothing is delivered"):
        provider.rehearse(letter(), ATTEMPT)
    assert not server.received


def test_a_message_that_cannot_be_built_fails_in_a_rehearsal_as_well(provider):
    with pytest.raises(errors.Refused):
        provider.rehearse(letter(subject="a\nb"), ATTEMPT)


def taken(provider, server, *results):
    server.default = faults.answer(200, list(results))
    return provider.send(letter(), ATTEMPT)


def queued(reason, address="ann@example.com"):
    return {"email": address, "status": "queued", "queued_reason": reason, "_id": "1", "reject_reason": None}


HELD = ["hourly-quota-exhausted", "monthly-limit-reached", "free-trial-sends-exhausted", "sending-paused",
        "sending-suspended", "account-suspended", "sending-backlogged"]  # fmt: skip


@pytest.mark.parametrize("reason", HELD)
def test_mail_that_is_held_back_for_the_account_is_taken_and_told(server, provider, reason):
    receipt = taken(provider, server, queued(reason))
    assert receipt.message_id == "1"
    assert receipt.account_problem.startswith(f"mandrill has taken the mail and holds it back ({reason}): ")


@pytest.mark.parametrize("reason", [None, "", "attachments", "multiple-recipients", "something-new", 3, {}])
def test_mail_that_is_queued_for_another_reason_is_no_problem_of_the_account(server, provider, reason):
    assert taken(provider, server, queued(reason)).account_problem == ""


@pytest.mark.parametrize("status", ["sent", "scheduled"])
def test_mail_that_is_not_queued_is_no_problem_of_the_account(server, provider, status):
    odd = {**queued("account-suspended"), "status": status}
    assert taken(provider, server, odd).account_problem == ""


def test_one_recipient_that_is_held_back_tells_of_the_account(server, provider):
    others = {"email": "a@b.cd", "status": "sent", "_id": "0"}, queued("attachments")
    receipt = taken(provider, server, *others, queued("sending-paused"))
    assert receipt.account_problem == (
        "mandrill has taken the mail and holds it back (sending-paused): "
        "sending is paused. Look into the account at Mandrill for the reason."
    )
