"""Files on disk are not as they were left: altered, cut or gone. Who sends the same content again repairs them."""

import base64
import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep

from tests.faults import processes
from tests.faults.customers import Order
from tests.faults.deaths import ill
from tests.faults.trial import Scene

_EVERY = 2  # so manieth file is damaged
_SENT_ALL = 60.0  # seconds in which all others must be sent
_OF_THEM = (
    "SELECT count(DISTINCT delivery_email.id) FROM delivery_email"
    " JOIN delivery_attachment ON delivery_attachment.email_id = delivery_email.id"
    " WHERE delivery_attachment.sha256 IN ({})"
)
_OVER = "SELECT count(*) FROM delivery_email WHERE status IN ('failed', 'expired')"


def damaged_files(scene: Scene) -> None:
    """Emails wait for ill vendors while their files are damaged: these wait on, until a customer sends them again."""
    with ill(scene, "unavailable"), scene.customers.ordering(scene.trial.rate):
        sleep(scene.trial.seconds)
    with ill(scene, "unavailable"):
        damaged = set(_damaged(scene.place.data / "attachments"))
        waiting = scene.ask(_OF_THEM.format(", ".join(f"'{one}'" for one in sorted(damaged))))
    scene.figures["with damaged files"] = str(waiting)
    scene.expect(waiting > 0, "no email had a damaged file")
    _await_others(scene, waiting)
    scene.expect(scene.gomail.unsettled() == waiting, f"of {waiting} {scene.gomail.unsettled()} wait")
    for order in list(scene.customers.orders):
        if damaged & set(_hashes(order)):
            _send_again(scene, order)
    scene.drain()
    scene.expect(not scene.ask(_OVER), "not all were sent in the end")


def _damaged(folder: Path) -> Iterator[str]:
    """Damage some of the files, each in its way; yield their names, which are their hashes."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and len(file.name) == 64)
    for file, way in zip(files[::_EVERY], itertools.cycle((_alter, _cut, Path.unlink))):
        way(file)
        yield file.name


def _alter(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _await_others(scene: Scene, waiting: int) -> None:
    """Wait until all that have whole files are sent."""

    def are_sent() -> bool:
        scene.gomail.hurry()
        return scene.gomail.unsettled() <= waiting

    processes.eventually(are_sent, seconds=_SENT_ALL, pause=2.0)


def _hashes(order: Order) -> list[str]:
    files = [file for letter in order.letters for file in letter.get("attachments", ())]
    return [hashlib.sha256(base64.b64decode(file["content"])).hexdigest() for file in files]


def _send_again(scene: Scene, order: Order) -> None:
    """Let the customer order the same once more, under other subjects."""
    letters = tuple({**letter, "subject": f"{letter['subject']} again"} for letter in order.letters)
    again = replace(order, key=f"{order.key}-again", letters=letters, exchanges=[], withdrawals=[])
    scene.customers.orders.append(again)
    scene.customers.place(again, scene.customers.connect())
