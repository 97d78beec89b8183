"""A mailing goes out while the processes that make and send its emails are killed, and people pause and resume it."""

import http.client
import json
import time
from collections import Counter
from contextlib import suppress
from typing import Any
from uuid import UUID

from tests.faults import processes
from tests.faults.customers import API, Exchange, Order
from tests.faults.trial import Scene

_RATE = 25.0  # emails a second
_SECONDS_PER_KILL = 1.5  # at that rate
_LEAST = 300  # people
_BAD = 100  # every so many-th has no name, and the mailing needs one
_PAUSES = 4  # in the whole
_PAUSED = 7.0  # seconds
_EFFECTIVE = 5.0  # seconds after which nothing is begun any more
_NEARLY = 0.8
_OVER = "SELECT count(*) FROM delivery_mailing WHERE state = 'done'"
_STATE = "SELECT state, reason FROM delivery_mailing"
_ROWS = "SELECT address, state, reason, possible_duplicate FROM delivery_mailingrecipient ORDER BY id"
_EMAILS = "SELECT email_id, address FROM delivery_mailingrecipient WHERE email_id IS NOT NULL ORDER BY id"
_BEGUN = "SELECT count(*) FROM delivery_attempt"


def killed(scene: Scene, *, kills: int) -> None:
    """Everybody gets it once, whatever is killed; who cannot be written to is named."""
    people = max(_LEAST, round(kills * _SECONDS_PER_KILL * _RATE))
    mailing = _start(scene, people)
    pauses = 0
    while not _is_over(scene):
        enough = kills if pauses == _PAUSES else kills * (pauses + 1) // (_PAUSES + 1)
        scene.nemesis.rage(
            lambda enough=enough: scene.nemesis.kills >= enough or _is_over(scene) or _is_set_aside(scene),
            due=lambda: not _is_set_aside(scene),
            seconds=120,
        )
        if _is_set_aside(scene):
            scene.figures["set aside"] = str(int(scene.figures.get("set aside", "0")) + 1)
            _post(scene, f"{mailing}resume/")
        elif pauses < _PAUSES and not _is_over(scene):
            pauses += 1
            _pause(scene, mailing)
        elif scene.nemesis.kills >= kills:
            break
    done = scene.nemesis.kills
    processes.eventually(lambda: _is_over(scene), seconds=400, pause=0.5)
    scene.figures |= {"people": f"{people:,}", "pauses": str(pauses)}
    scene.expect(done >= kills * _NEARLY, f"only {done} of {kills} kills fell into the mailing")
    scene.drain()
    _judge(scene, people)


def _start(scene: Scene, people: int) -> str:
    """Bring in the people, check the mailing and start it; return its path."""
    group = _post(scene, "groups/", name="readers", from_address="News <news@example.org>", unsubscribe=False)
    rows = (f"p{number}@example.net,{'' if number % _BAD == 0 else f'P{number}'}" for number in range(people))
    _bring(scene, group["id"], "\n".join(["email,first_name", *rows]))
    bodies = {"subject": "News {{ contact.email }}", "text": "Dear {{ contact.first_name }}"}
    made = _post(scene, "mailings/", name="News", group=group["id"], rate=_RATE, **bodies)
    path = f"mailings/{made['id']}/"
    _post(scene, f"{path}check/")
    processes.eventually(lambda: scene.rows(_STATE)[0][0] == "checked", seconds=60, pause=0.2)
    _post(scene, f"{path}start/", recipients=people)
    return path


def _bring(scene: Scene, group: str, text: str) -> None:
    connection = scene.customers.connect()
    path = f"{API}imports/?confirm=auto&group={group}"
    connection.request("POST", path, text.encode(), {"Content-Type": "text/csv"})
    assert connection.getresponse().status == 202
    connection.close()
    over = "SELECT count(*) FROM delivery_import WHERE status = 'done'"
    processes.eventually(lambda: scene.ask(over) == 1, seconds=120, pause=0.2)


def _pause(scene: Scene, mailing: str) -> None:
    """Pause it; see that a few seconds later nothing is begun any more, also by who comes after a kill."""
    _post(scene, f"{mailing}pause/")
    time.sleep(_EFFECTIVE)
    before = scene.ask(_BEGUN)
    time.sleep(_PAUSED - _EFFECTIVE)
    begun = scene.ask(_BEGUN) - before
    scene.expect(begun == 0, f"{begun} attempts began {_EFFECTIVE} s after a pause")
    _post(scene, f"{mailing}resume/")


def _post(scene: Scene, path: str, **body: Any) -> Any:
    """Ask until an answer comes: the server's processes are killed, too, and each verb may be repeated."""
    for _ in range(50):
        with suppress(OSError, http.client.HTTPException, json.JSONDecodeError):
            connection = scene.customers.connect()
            connection.request("POST", API + path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = json.loads(answer.read())
            connection.close()
            if answer.status < 300 or answer.status == 409:
                return said
        time.sleep(0.3)
    raise AssertionError(f"{path}: {answer.status} {said}")


def _is_over(scene: Scene) -> bool:
    return scene.ask(_OVER) == 1


def _is_set_aside(scene: Scene) -> bool:
    """Tell whether three ends of processes in a row fell into the moment between a claim and the first step."""
    state, reason = scene.rows(_STATE)[0]
    return bool(state == "paused" and reason.startswith("Three processes"))


def _judge(scene: Scene, people: int) -> None:
    """Compare what each recipient's row says with what the vendors have."""
    rows = {address: (state, reason, marked) for address, state, reason, marked in scene.rows(_ROWS)}
    got = Counter(entry.mail.to[0] for entry in scene.vendors.ledger() if entry.accepted)
    nameless = {f"p{number}@example.net" for number in range(0, people, _BAD)}
    scene.expect(len(rows) == people, f"{len(rows)} rows for {people} people")
    failed = {address for address, (state, reason, _) in rows.items() if reason.startswith("render:")}
    scene.expect(failed == nameless, f"{len(failed ^ nameless)} are failed and should not be, or the reverse")
    sure = {address for address, (state, _, _) in rows.items() if state in {"sent", "delivered"}}
    unknown = {address for address, (state, _, _) in rows.items() if state == "unknown"}
    scene.figures["unknown"] = str(len(unknown))
    others = rows.keys() - sure - unknown - nameless
    scene.expect(
        not others, f"{len(others)} are in another state: {[rows[one] for one in sorted(others)[:3]]}"
    )
    lost = [address for address in sure if not got[address]]
    scene.expect(not lost, f"{len(lost)} are sent and nobody has them: {lost[:3]}")
    twice = [address for address, times in got.items() if times > 1 and not rows[address][2]]
    scene.expect(not twice, f"{len(twice)} got it twice, unmarked: {twice[:3]}")
    wrongly = [address for address in nameless if got[address]]
    scene.expect(not wrongly, f"{len(wrongly)} of those without a name got it")
    scene.customers.orders.append(_ordered(scene))


def _ordered(scene: Scene) -> Order:
    """Return what the mailing asks for, an email for each recipient, so that each call is compared with it."""
    made = scene.rows(_EMAILS)
    letters = tuple(
        {"to_addresses": [address], "subject": f"News {address}", "body": f"Dear {_name(address)}"}
        for _, address in made
    )
    order = Order(key="", kind="mailing", policy="stop", letters=letters)
    ids, now = tuple(str(UUID(str(pk))) for pk, _ in made), time.time()
    order.exchanges.append(Exchange(status=202, ids=ids, said=("queued",) * len(ids), started=now, ended=now))
    return order


def _name(address: str) -> str:
    return address.partition("@")[0].upper()
