"""What SendGrid says of itself when it is asked, and that nothing is sent by asking."""

import pytest

from providers import errors
from providers.readiness import Quota, Readiness, Sender
from providers.sendgrid import adapter, readiness
from providers.wire import http, inquiry
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, letter

SCOPES, CREDITS = "/v3/scopes", "/v3/user/credits"
DOMAINS, ADDRESSES = "/v3/whitelabel/domains", "/v3/verified_senders"
SECRET = "SG.secret.key"
QUICK = http.Timeouts(connect=0.5, read=0.4, total=1.5)
MAY_SEND = {"scopes": ["mail.send", "alerts.read"]}
CREDIT = {
    "remain": 150, "total": 200, "overage": 0, "used": 50,
    "last_reset": "2026-01-01", "next_reset": "2026-02-01", "reset_frequency": "monthly",
}  # fmt: skip
SHOP = "shop@example.org"


def refused(status, words="access forbidden"):
    return faults.answer(status, {"errors": [{"field": None, "message": words}]})


def domain(name, *, valid=True):
    return {"id": 1, "domain": name, "subdomain": "em1", "username": "u", "valid": valid}


def address(name, *, verified=True):
    return {"id": 1, "from_email": name, "verified": verified, "locked": False}


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(inquiry, "PAUSE", 0.0)


@pytest.fixture
def build(server):
    """Build an account at a server that knows no senders; healthy unless told otherwise."""
    built = []
    server.paths |= {
        SCOPES: faults.answer(200, MAY_SEND), CREDITS: faults.answer(200, CREDIT),
        DOMAINS: faults.answer(200, []), ADDRESSES: faults.answer(200, {"results": []}),
    }  # fmt: skip

    def build(**changes):
        given = {"api_key": SECRET, "base_url": server.url, "timeouts": QUICK, **changes}
        built.append(adapter.SendGrid(adapter.Config(**given)))
        return built[-1]

    yield build
    for one in built:
        one.close()


@pytest.fixture
def check(build):
    """Check an account, by default for one sender."""
    return lambda senders=(SHOP,), **changes: build(**changes).check(senders)


def asked(server):
    return [request.path.partition("?")[0] for request in server.received]


def test_a_healthy_account_is_ready(server, check):
    server.paths[DOMAINS] = faults.answer(200, [domain("example.org")])
    assert check() == Readiness(
        provider="sendgrid",
        quota=Quota(limit=200, used=50, per="month"),
        senders={SHOP: Sender(verified=True, detail="The domain example.org is authenticated.")},
    )


def test_the_questions_carry_the_key_and_send_nothing(server, check):
    check()
    assert asked(server) == [SCOPES, CREDITS, DOMAINS, ADDRESSES]
    for request in server.received:
        assert (request.method, request.body) == ("GET", b"")
        assert request.headers["authorization"] == f"Bearer {SECRET}"


def test_many_senders_take_no_more_questions(server, check):
    said = check([f"user@shop{number}.example" for number in range(30)])
    assert len(asked(server)) == 4
    assert [told.verified for told in said.senders.values()] == [False] * 25 + [None] * 5
    assert "the first 25 of 30 senders only" in said.warnings[0]


def test_without_senders_the_lists_are_not_asked(server, check):
    assert check([]).ready
    assert asked(server) == [SCOPES, CREDITS]


@pytest.mark.parametrize(
    ("status", "words", "advice"),
    [(401, "The provided authorization grant is invalid, expired, or revoked", "Enter an active API key"),
     (401, "authorization required", "Enter an active API key"),
     (403, "access forbidden", "whether the account is suspended")],
)  # fmt: skip
def test_a_key_that_is_refused_is_a_problem_and_ends_the_questions(server, check, status, words, advice):
    server.paths[SCOPES] = refused(status, words)
    said = check()
    assert len(said.problems) == 1
    assert all(part in said.problems[0] for part in ("sendgrid: ", advice, f"{status}: {words}"))
    assert said.senders[SHOP].verified is None
    assert asked(server) == [SCOPES]


def test_a_key_that_may_not_send_is_a_problem(server, check):
    server.paths[SCOPES] = faults.answer(200, {"scopes": ["alerts.read", 5]})
    problem = "sendgrid: the key may not send mail. Give it the permission Mail Send (mail.send)."
    assert check().problems == (problem,)


# The credits: what is changed, a problem's words, a warning's words.
STATES = [
    ({"used": 200, "remain": 0}, "used up, 200 of 200 per month are used", ""),
    ({"used": 100, "remain": 0}, "used up, 100 of 200", ""),
    ({"used": 180, "remain": 20}, "", "nearly used up, 180 of 200"),
    ({"used": 179, "remain": 21}, "", ""),
    ({"used": 230, "remain": 0, "overage": 30}, "", "more is billed, 30 beyond 200"),
]


@pytest.mark.parametrize(("changes", "problem", "warning"), STATES, ids=[str(row[0]) for row in STATES])
def test_the_credits_become_sentences(server, check, changes, problem, warning):
    server.paths[CREDITS] = faults.answer(200, {**CREDIT, **changes})
    said = check([])
    for sentences, words in ((said.problems, problem), (said.warnings, warning)):
        assert len(sentences) == bool(words)
        assert words in "".join(sentences)


@pytest.mark.parametrize(
    ("frequency", "per"), [("daily", "day"), ("monthly", "month"), ("every 4 weeks", "every 4 weeks"), (None, "period")]
)  # fmt: skip
def test_the_period_of_the_credits_is_told(frequency, per):
    told = readiness.credit("sendgrid", {**CREDIT, "reset_frequency": frequency})
    assert told.quota.per == per


@pytest.mark.parametrize("total", [None, "200", 0, -1, True, float("inf")])
def test_credits_without_a_total_are_not_told(total):
    assert readiness.credit("sendgrid", {**CREDIT, "total": total}) == Readiness(provider="sendgrid")


@pytest.mark.parametrize("status", [401, 403, 404, 429])
def test_credits_that_the_key_may_not_read_are_only_missing(server, check, status):
    server.paths[CREDITS] = refused(status)
    said = check([])
    assert (said.ready, said.warnings, said.quota) == (True, (), None)


# Who may send: the domains, the verified addresses, whether the shop may, and what is said.
SENDERS = [
    ([domain("EXAMPLE.org")], [], True, "The domain example.org is authenticated."),
    ([domain("org")], [], False, "knows neither"),
    ([domain("ple.org")], [], False, "knows neither"),
    ([domain("mail.example.org")], [], False, "knows neither"),
    ([domain("example.org", valid=False), domain("example.org")], [], True, "is authenticated"),
    ([], [address("Shop@example.org")], True, "shop@example.org is a verified sender."),
    ([domain("example.org", valid=False)], [address(SHOP)], True, "is a verified sender"),
    ([domain("example.org", valid=False)], [], False, "example.org is not authenticated yet. Publish"),
    ([], [address(SHOP, verified=False)], False, "not verified yet. Open the link"),
    ([], [address("other@example.org")], False, "Authenticate the domain in Settings"),
    ([5, {}, {"domain": None}], ["x", {"from_email": 5}], False, "knows neither"),
]


@pytest.mark.parametrize("row", SENDERS)
def test_a_sender_is_known_by_its_domain_or_itself(server, check, row):
    domains, addresses, verified, words = row
    server.paths[DOMAINS] = faults.answer(200, domains)
    server.paths[ADDRESSES] = faults.answer(200, {"results": addresses})
    said = check()
    assert said.senders[SHOP].verified is verified
    assert words in said.senders[SHOP].detail
    assert said.ready


def test_a_domain_below_an_authenticated_one_is_verified(server, check):
    server.paths[DOMAINS] = faults.answer(200, [domain("example.org")])
    assert check(["a@news.example.org"]).senders["a@news.example.org"].verified is True


@pytest.mark.parametrize("closed", [[DOMAINS], [ADDRESSES], [DOMAINS, ADDRESSES]])
@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_list_that_may_not_be_read_leaves_the_sender_open(server, check, closed, status):
    server.paths |= dict.fromkeys(closed, refused(status))
    said = check()
    assert said.ready
    assert said.senders[SHOP].verified is None
    assert "this key may not read it" in said.senders[SHOP].detail


def test_one_list_may_be_enough(server, check):
    server.paths |= {DOMAINS: refused(403), ADDRESSES: faults.answer(200, {"results": [address(SHOP)]})}
    assert check().senders[SHOP].verified is True


def test_a_long_list_leaves_open_who_is_not_on_its_page(server, check):
    server.paths[DOMAINS] = faults.answer(200, [domain(f"shop{number}.example") for number in range(100)])
    told = check().senders[SHOP]
    assert (told.verified, "only one page" in told.detail) == (None, True)


def test_an_account_freed_from_verifying_leaves_the_sender_open(server, check):
    server.paths[SCOPES] = faults.answer(200, {"scopes": ["mail.send", "sender_verification_exempt"]})
    assert check().senders[SHOP].verified is None


def test_a_question_refused_twice_stays_open(server, check):
    server.paths[SCOPES] = refused(429, "too many requests")
    said = check()
    assert asked(server) == [SCOPES] * 2
    assert (said.asked, "asked too often" in said.warnings[0]) == (False, True)


@pytest.mark.parametrize("path", [SCOPES, CREDITS, DOMAINS, ADDRESSES])
@pytest.mark.parametrize(
    ("fault", "words"),
    [(faults.hang(), "not answered"), (faults.reset(), "not answered"), (faults.garbage(), "not answered"),
     (faults.truncated(200), "not answered"), (faults.html(200), "Proxy says no"),
     (faults.html(403), "Proxy says no"), (faults.html(502), "Proxy says no"),
     (faults.redirect("http://127.0.0.1/"), "302"), (faults.answer(200, "5"), "200 5"),
     (faults.answer(200, b""), "200"), (faults.answer(401), "401"),
     (refused(500, "internal"), "SendGrid is failing")],
)  # fmt: skip
def test_whoever_does_not_answer_as_sendgrid_is_a_problem(server, check, path, fault, words):
    server.paths[path] = fault
    said = check()
    assert len(said.problems) == 1
    assert words in said.problems[0]
    assert asked(server)[-1] == path


def test_a_closed_port_is_a_problem(check):
    said = check(base_url=f"http://127.0.0.1:{faults.closed_port()}")
    assert "Look at this machine's network" in said.problems[0]


@pytest.mark.parametrize("path", [SCOPES, DOMAINS, ADDRESSES])
@pytest.mark.parametrize("status", [200, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("shape", [lambda words: words, lambda words: {"errors": [{"message": words}]}])
def test_no_sentence_shows_the_key(server, check, path, status, shape):
    server.paths[path] = faults.answer(status, shape(f"canary {SECRET}"))
    said = repr(check())
    assert "canary" in said
    assert SECRET not in said


@pytest.mark.parametrize("key", ["SG.\nsecret", "SG.secret…"])
def test_a_key_that_no_header_can_hold_is_a_problem_that_does_not_show_it(server, check, key):
    said = check(api_key=key)
    assert "Enter it anew" in said.problems[0]
    assert "secret" not in repr(said)
    assert not server.received


def test_a_rehearsal_is_the_same_message_in_sandbox_mode(server, build):
    server.script(faults.answer(202), faults.answer(200))
    provider = build()
    provider.send(letter(html="<p>"), ATTEMPT)
    provider.rehearse(letter(html="<p>"), ATTEMPT)
    real, rehearsed = (request.json() for request in server.received)
    assert rehearsed == {**real, "mail_settings": {"sandbox_mode": {"enable": True}}}


@pytest.mark.parametrize("body", [b"", b"{}\n"])
def test_a_rehearsal_that_is_found_good_gives_a_receipt(server, build, body):
    server.default = faults.answer(200, body, {"X-Message-Id": "sg-1"})
    receipt = build().rehearse(letter(), ATTEMPT)
    assert (receipt.provider, receipt.message_id) == ("sendgrid", "sg-1")


def test_a_rehearsal_that_was_really_sent_is_unknown(server, build):
    server.default = faults.answer(202, b"", {"X-Message-Id": "sg-1"})
    with pytest.raises(errors.Unknown, match="as a real one"):
        build().rehearse(letter(), ATTEMPT)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(refused(401), errors.AccountProblem),
     (refused(403, "The from address does not match a verified Sender Identity"), errors.SenderRefused),
     (refused(400, "bad"), errors.CannotCarry), (refused(429), errors.Throttled), (faults.hang(), errors.Unknown),
     (faults.html(200), errors.Unknown), (faults.html(403), errors.AccountProblem)],
)  # fmt: skip
def test_a_rehearsal_fails_as_a_send_does(server, build, fault, kind):
    server.default = fault
    with pytest.raises(kind):
        build().rehearse(letter(), ATTEMPT)


def test_a_whole_page_of_domains_with_their_records_is_read(build, server):
    record = {
        "valid": True,
        "type": "txt",
        "host": "m1._domainkey.example.org",
        "data": "k=rsa; p=" + "M" * 392,
    }
    dns = dict.fromkeys(("mail_server", "subdomain_spf", "domain_spf", "dkim"), record)
    rows = [{**domain(f"shop{number}.example"), "dns": dns} for number in range(99)]
    server.paths[DOMAINS] = faults.answer(200, [*rows, {**domain("example.org"), "dns": dns}])
    found = build().check([SHOP])
    assert (found.problems, found.senders[SHOP].verified) == ((), True)
