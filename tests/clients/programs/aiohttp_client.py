import asyncio
import sys
from pathlib import Path

import aiohttp
from given import given

url, kind, body, fields, files = given(sys.argv[1])


async def send():
    form = aiohttp.FormData(default_to_multipart=kind == "multipart")
    for name, value in fields:
        form.add_field(name, value)
    for name, filename, path in files:
        form.add_field(name, Path(path).open("rb"), filename=filename)  # noqa: SIM115
    sent = {"json": body} if kind == "json" else {"data": form}
    async with aiohttp.ClientSession() as session, session.post(url, **sent) as answer:
        print(answer.status, await answer.text())


asyncio.run(send())
