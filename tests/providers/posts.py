"""Posts as the sources of events get them."""

from datetime import UTC, datetime

from providers.events import Post
from tests.tellers import URL, Said


def post(said: Said, *, url: str = URL + "mandrill/") -> Post:
    return Post(body=said.body, headers=said.headers, url=url, at=datetime.now(UTC))
