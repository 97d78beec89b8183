"""The scanner of attachments dies, comes back, and hangs, while customers send files: none goes out unscanned."""

import base64
import http.client
import time
from contextlib import suppress

from tests import scanner
from tests.faults import customers, processes
from tests.faults.customers import Exchange, Order
from tests.faults.trial import Scene

_UNSCANNED = (
    "SELECT count(*) FROM delivery_attachment JOIN delivery_attempt"
    " ON delivery_attempt.email_id = delivery_attachment.email_id WHERE scanned_as = ''"
)
_WAITING = "SELECT count(*) FROM delivery_email WHERE status = 'queued' AND reason LIKE 'not_scanned%'"
_FAILED = "SELECT id FROM delivery_email WHERE status = 'failed' AND reason LIKE 'malware%'"
_BACK = 120.0  # seconds until all is drained once it is back


def dying(scene: Scene) -> None:
    """Kill the scanner under load, start it again, let it hang, and let it go on."""
    clamd = scene.place.scanner
    assert clamd
    a_third = scene.trial.seconds / 3
    with scene.customers.ordering(scene.trial.rate):
        time.sleep(a_third / 2)
        scene.expect(_send_malware(scene).code == "malware", "malware was taken by a scanner that is there")
        clamd.kill()
        time.sleep(1.0)
        sent = [_send_malware(scene)]
        time.sleep(a_third)
        scene.figures["waited while it was dead"] = str(scene.ask(_WAITING))
        scene.expect(scene.ask(_WAITING) > 0, "no file has waited for the scanner")
        clamd.start()
        time.sleep(a_third / 2)
        clamd.hang()
        sent.append(_send_malware(scene))
        time.sleep(a_third)
        scene.figures["while it hung"] = str(scene.ask(_WAITING))
        clamd.go_on()
    _judge(scene, sent)


def _judge(scene: Scene, sent: list[Exchange]) -> None:
    """Expect that what waited is sent soon, malware is not, and nothing was offered without a verdict."""
    scene.infected |= {pk for one in sent for pk in one.ids}
    refused = [one for one in sent if one.status != 202]
    scene.expect(
        not refused, f"malware that nobody could scan was answered {[one.status for one in refused]}"
    )
    with suppress(processes.Late):
        took = processes.eventually(lambda: _drained(scene), seconds=_BACK, pause=0.5)
        scene.figures["drained after"] = f"{took:.1f} s"
    scene.drain()
    failed = {str(row[0]).replace("-", "") for row in scene.rows(_FAILED)}
    missed = {pk for pk in scene.infected if pk.replace("-", "") not in failed}
    scene.expect(not missed, f"{len(missed)} emails with malware have not failed")
    scene.expect(not scene.ask(_UNSCANNED), f"{scene.ask(_UNSCANNED)} files were offered unscanned")


def _drained(scene: Scene) -> bool:
    """Tell whether nothing waits for the scanner; what waits is tried at once, and not after its pause."""
    waiting = scene.ask(_WAITING)
    if waiting:
        scene.gomail.hurry()
    return not waiting


def _send_malware(scene: Scene) -> Exchange:
    """Send a file that the scanner knows for malware, and whose verdict nobody remembers; nobody repeats it."""
    content = scanner.EICAR + scene.dice.randbytes(8)
    file = {"filename": "order.bin", "content": base64.b64encode(content).decode()}
    letter = {
        "to_addresses": ["eve@example.org"],
        "from_address": "faults@example.org",
        "attachments": [file],
    }
    order = Order(
        key="", kind="file", policy="resend", letters=({**letter, "subject": "Malware", "body": "!"},)
    )
    connection: http.client.HTTPConnection = scene.customers.connect()
    try:
        return customers.exchange(order, connection)
    finally:
        connection.close()
