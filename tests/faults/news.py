"""What vendors tell of mail while processes are killed: each event that was taken is kept once, with its effect."""

import http.client
import json
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zlib import crc32

from tests import tellers
from tests.faults import deaths, processes, sentences
from tests.faults.customers import API
from tests.faults.trial import Scene
from tests.faults.vendors import Entry
from tests.tellers import Said

_THREADS = 4  # that post at the same time
_LOOK = 0.3  # seconds between two looks at what the vendors have accepted
_AGAIN = 0.25  # of the posts are made once more though they were taken, as vendors do
_PAUSES = (0.05, 0.3)  # seconds until a post that was not taken is repeated
_PATIENCE = 120.0  # seconds in which it is
_SCOPES = ("emails.send", "batches.send", "emails.manage", "priority.high")
_KINDS = ("bounced", "bounced", "complained", *["delivered"] * 5)  # one for each address, of all its attempts
_SES = {"delivered": "Delivery", "bounced": "Bounce", "complained": "Complaint"}
_SENDGRID = {
    "delivered": ("delivered", {}),
    "bounced": ("bounce", {"type": "bounce"}),
    "complained": ("spamreport", {}),
}
_KEPT = "SELECT account, attempt, recipient, kind, state FROM delivery_providerevent"
_STATUSES = "SELECT canonical, status FROM delivery_recipient"
_SUPPRESSED = "SELECT address, kind, count FROM delivery_suppression"
_HOURS = "SELECT coalesce(sum(bounced), 0), coalesce(sum(complained), 0) FROM delivery_mailhour"
_CAUSES = {"bounced": "hard_bounce", "complained": "complaint"}


@dataclass(frozen=True, kw_only=True)
class News:
    """One event."""

    account: str
    attempt: str
    recipient: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Post:
    """One request of a vendor."""

    news: Sequence[News]
    said: Said


def killed(scene: Scene) -> None:
    """Kill at any moment while vendors tell of what they have accepted."""
    key = scene.gomail.command(
        "create_api_key", "shop", *[w for s in _SCOPES for w in ("--scope", s)]
    ).split()[-1]
    scene.customers.headers = {"Authorization": f"Bearer {key}"}
    teller = Teller(scene)
    with teller.telling():
        deaths.storm(scene)
        scene.drain()
    _examine(scene, teller)


class Teller:
    """The vendors, as far as they tell of mail."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._seen = scene, 0
        self._posts: queue.Queue[Post] = queue.Queue()
        self._stop = threading.Event()
        self.told: list[News] = []  # that were answered 2xx, some of them more than once
        self.tries = 0
        self.refused: list[str] = []

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tell of what the vendors accept meanwhile, and at the end of what is left."""
        posting = [threading.Thread(target=self._post_on, daemon=True) for _ in range(_THREADS)]
        looking = threading.Thread(target=self._look_on, daemon=True)
        for thread in (*posting, looking):
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            looking.join()
            self._look()
            self._posts.join()

    def _look_on(self) -> None:
        while not self._stop.wait(_LOOK):
            self._look()

    def _look(self) -> None:
        """Make posts of what was accepted since the last look."""
        ledger = self._scene.vendors.ledger()
        fresh, self._seen = ledger[self._seen :], len(ledger)
        for post in _posts([entry for entry in fresh if entry.accepted]):
            again = self._scene.dice.random() < _AGAIN
            for _ in range(2 if again else 1):
                self._posts.put(post)

    def _post_on(self) -> None:
        while True:
            post = self._posts.get()
            try:
                self._post(post)
            finally:
                self._posts.task_done()

    def _post(self, post: Post) -> None:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and not processes.is_ending():
            status = self._ask(post)
            self.tries += 1
            if 200 <= status < 300:
                self.told += post.news
                return
            if 400 <= status < 500:
                break
            time.sleep(self._scene.dice.uniform(*_PAUSES))
        self.refused.append(f"{post.news[0]} ({status})")

    def _ask(self, post: Post) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self._scene.gomail.port, timeout=30)
        try:
            headers = {"Content-Type": "application/json", **post.said.headers}
            connection.request("POST", f"{API}events/{post.news[0].account}/", post.said.body, headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


def _posts(entries: Sequence[Entry]) -> Iterator[Post]:
    """Yield one for each event of SES, and one for each mail of SendGrid."""
    for entry in entries:
        news = list(_news(entry))
        if entry.vendor == "ses":
            yield from (Post(news=[one], said=_by_ses(one)) for one in news)
        else:
            yield Post(news=news, said=_by_sendgrid(news))


def _news(entry: Entry) -> Iterator[News]:
    for address in (*entry.mail.to, *entry.mail.cc, *entry.mail.bcc):
        kind = kind_of(address)
        told = ("delivered", kind) if kind == "complained" else (kind,)
        for each in told:
            yield News(account=entry.vendor, attempt=entry.attempt, recipient=address.lower(), kind=each)


def kind_of(address: str) -> str:
    """Return what becomes of mail to an address in the end, whoever carries it."""
    return _KINDS[crc32(address.encode()) % len(_KINDS)]


def _by_ses(news: News) -> Said:
    teller, named = tellers.TELLERS["ses"], [{"emailAddress": news.recipient}]
    part: Mapping[str, Any] = {
        "delivered": {},
        "bounced": {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": named},
        "complained": {"complainedRecipients": named},
    }[news.kind]
    message = teller.message(news.attempt, _SES[news.kind], news.recipient, **part)
    envelope = teller.envelope(message)
    return Said(body=json.dumps(envelope).encode(), headers={"x-amz-sns-message-type": "Notification"})


def _by_sendgrid(news: Sequence[News]) -> Said:
    teller = tellers.TELLERS["sendgrid"]
    events = []
    for one in news:
        name, more = _SENDGRID[one.kind]
        events.append(teller.event(one.attempt, name, one.recipient, **more))
    said: Said = teller.sign(json.dumps(events).encode() + b"\r\n")
    return said


def _examine(scene: Scene, teller: Teller) -> None:
    """Compare what is kept, and what followed from it, with what was taken."""
    told = set(teller.told)
    scene.figures |= {"events": f"{len(told):,}", "posts": f"{teller.tries:,}"}
    broken = [
        *sentences.listed("posts never taken", teller.refused),
        *_about_the_record(scene, told),
        *_about_recipients(scene, told),
        *_about_suppressions(scene, told),
        *_about_counts(scene, told),
    ]
    for sentence in broken:
        scene.expect(False, sentence)


def _about_the_record(scene: Scene, told: set[News]) -> Iterator[str]:
    rows = scene.rows(_KEPT)
    kept = Counter(
        News(account=account, attempt=str(UUID(str(attempt))), recipient=recipient, kind=kind)
        for account, attempt, recipient, kind, _ in rows
    )
    yield from sentences.listed(
        "events that were taken, and are not kept", sorted(map(str, told - set(kept)))
    )
    yield from sentences.listed("events that nobody told", sorted(map(str, set(kept) - told)))
    yield from sentences.listed("events kept twice", [str(one) for one, count in kept.items() if count > 1])
    yield from sentences.counted(
        "events that were not applied", sum(state != "applied" for *_, state in rows)
    )


def _about_recipients(scene: Scene, told: set[News]) -> Iterator[str]:
    found = dict(scene.rows(_STATUSES))
    wrong = [
        f"{address} is {found.get(address)}, and was told {kind_of(address)}"
        for address in sorted({one.recipient for one in told})
        if found.get(address) != kind_of(address)
    ]
    yield from sentences.listed("recipients that are not as was told", wrong)


def _about_suppressions(scene: Scene, told: set[News]) -> Iterator[str]:
    wanted = Counter((one.recipient, _CAUSES[one.kind]) for one in told if one.kind in _CAUSES)
    found = {(address, kind): count for address, kind, count in scene.rows(_SUPPRESSED)}
    yield from sentences.listed("not suppressed", sorted(map(str, wanted.keys() - found.keys())))
    yield from sentences.listed("suppressed for nothing", sorted(map(str, found.keys() - wanted.keys())))
    often = [
        f"{each} {found[each]} times, not {wanted[each]}"
        for each in wanted
        if found.get(each, 0) > wanted[each]
    ]
    yield from sentences.listed("suppressions counted twice", often)
    rarely = [
        f"{each} {found[each]} times, not {wanted[each]}"
        for each in wanted
        if found.get(each, wanted[each]) < wanted[each]
    ]
    yield from sentences.listed("suppressions counted too rarely", rarely)


def _about_counts(scene: Scene, told: set[News]) -> Iterator[str]:
    """The team's hours count each recipient; one who has it of two attempts may count for each."""
    for kind, found in zip(("bounced", "complained"), scene.rows(_HOURS)[0], strict=True):
        news = [one for one in told if one.kind == kind]
        if not len({one.recipient for one in news}) <= int(found) <= len(news):
            yield f"{found} of the team's recipients {kind}, and {len(news)} were told"
