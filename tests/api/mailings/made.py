"""What the tests of mailings/ share: a group with people in it, a mailing to them, and the calls of a client."""

from typing import Any

from tests import fakes

HTML = "<p>Hi {{ contact.first_name | default: 'you' }}, {{ contact.data.city }}</p>"
BODIES = {"subject": "News for {{ contact.first_name }}", "html": HTML}


def patch(api: fakes.Api, path: str, body: Any) -> Any:
    return api.client.patch(fakes.V1 + path, body, content_type="application/json", headers=api.headers)


def delete(api: fakes.Api, path: str) -> Any:
    return api.client.delete(fakes.V1 + path, headers=api.headers)


def contact(api: fakes.Api, name: str, **fields: Any) -> str:
    given = {"email": f"{name}@example.net", "first_name": name.title(), "data": {"city": "Wien"}}
    answer = api.post("contacts/", given | fields)
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def group(api: fakes.Api, *people: str, name: str = "News", **fields: Any) -> str:
    """Return the id of a group of these contacts, given by their ids."""
    answer = api.post("groups/", {"name": name, "from_address": "News <news@example.org>", **fields})
    assert answer.status_code == 201, answer.content
    pk = str(answer.json()["id"])
    for one in people:
        assert api.post(f"groups/{pk}/members/", {"contact": one}).status_code == 201
    return pk


def mailing(api: fakes.Api, to: str, **fields: Any) -> str:
    """Return the id of a mailing to a group."""
    answer = api.post("mailings/", {"name": "June", "group": to, **BODIES, **fields})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def checked(api: fakes.Api, to: str, **fields: Any) -> str:
    pk = mailing(api, to, **fields)
    answer = api.post(f"mailings/{pk}/check/", {})
    assert answer.status_code == 200, answer.content
    return pk


def started(api: fakes.Api, to: str, **fields: Any) -> str:
    pk = checked(api, to, **fields)
    number = api.get(f"mailings/{pk}/").json()["check"]["recipients"]
    answer = api.post(f"mailings/{pk}/start/", {"recipients": number})
    assert answer.status_code == 200, answer.content
    return pk


def error(answer: Any) -> tuple[int, str, str]:
    """Return the status, and the field and the code of the first error; the code of the answer where no field is."""
    told = answer.json()
    first = (told.get("errors") or [{"field": "", "code": told["code"]}])[0]
    return answer.status_code, first["field"], first["code"]
