"""A page of the browser and another host, watched: nothing may run, nobody may be asked."""

import os
import socket
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

WIDTHS = {"wide": 1400, "phone": 390}


class Listener:
    """Another host: it counts who comes."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.visits = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                visitor, _ = self.socket.accept()
            except OSError:
                return
            self.visits += 1
            visitor.close()


class Watched:
    """A page, and all that happened on it which must not."""

    def __init__(self, page: Any, base: str) -> None:
        self.page, self.base = page, base
        self.ran: list[str] = []  # what ran, and what tried to and failed for a reason of its own
        self.calls = 0  # how often a script that must not run did
        self.blocked: list[str] = []
        self.broken: list[str] = []  # errors of our own scripts
        self.requests: list[str] = []
        page.add_init_script("window.pwn = () => { console.log('PWNED') }")
        page.on("console", self._console)
        page.on(
            "pageerror", lambda error: (self.ran if "pwn" in str(error) else self.broken).append(str(error))
        )
        page.on("dialog", self._dialog)
        page.on("popup", lambda popup: self.ran.append("popup"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", self._failed)

    def open(self, path: str) -> None:
        """Go to a page of ours and let its scripts settle."""
        answer = self.page.goto(self.base + path)
        assert answer is not None, f"{path} was left for another page"
        assert answer.status < 400, (path, answer.status)

    def settle(self) -> None:
        """Give the last page the time to do harm."""
        self.page.wait_for_timeout(300)

    def outside(self) -> list[str]:
        own = urlsplit(self.base).netloc
        return [
            url
            for url in self.requests
            if urlsplit(url).scheme not in {"data", "blob"} and urlsplit(url).netloc != own
        ]

    def _console(self, message: Any) -> None:
        if "PWNED" in message.text:
            self.calls += 1
            self.ran.append(message.location.get("url", ""))
        elif "Content Security Policy" in message.text or "sandboxed" in message.text:
            self.blocked.append(f"{message.location.get('url')}: {message.text}")

    def _failed(self, request: Any) -> None:
        if request.failure == "csp":  # announced, but never made: the listener knows
            self.requests.remove(request.url)

    def _dialog(self, dialog: Any) -> None:
        self.ran.append(dialog.message)
        dialog.dismiss()


def keep(page: Any, name: str, **options: Any) -> None:
    if folder := os.environ.get("GOMAIL_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / name, **options)


def fits(page: Any) -> bool:
    """Tell whether nothing is wider than the window, once the page has been laid out for it."""
    for _ in range(30):  # no wait_for_function: it evaluates a string, and our policy of scripts allows none
        if page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"):
            return True
        page.wait_for_timeout(100)
    return False


def look(watched: Watched, name: str) -> None:
    """See that nothing is wider than the window, on a desk and on a phone, by day and by night."""
    for scheme in ("light", "dark"):
        dark = "true" if scheme == "dark" else "false"
        watched.page.evaluate(f"document.documentElement.classList.toggle('dark', {dark})")
        for width_name, width in WIDTHS.items():
            watched.page.set_viewport_size({"width": width, "height": 900})
            watched.page.wait_for_load_state("networkidle")
            assert fits(watched.page), (name, width_name)
            keep(watched.page, f"{name}-{width_name}-{scheme}.png", full_page=True)
    watched.page.evaluate("document.documentElement.classList.remove('dark')")
    watched.page.set_viewport_size({"width": WIDTHS["wide"], "height": 900})
