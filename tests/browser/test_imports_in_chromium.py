"""A file of contacts in a real browser: brought, asked about, seen, imported, and its rejects looked at."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from delivery.audience import runner
from delivery.models import Contact, Group, Import, Membership
from tests.browser.watching import Watched, fits, keep

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LIST = "/admin/delivery/import/"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1440, "height": 900}
HOSTILE = "<img src=x onerror=pwn()>"
EUROPEAN = (
    "sep=;\r\nE-Mail;Vorname;Name;Ort\r\nann@example.org;Änne;Müller;Köln\r\n"
    f"bob@example.org;Bob;Groß;Zürich\r\nniemand;X;{HOSTILE};Y\r\n".encode("cp1252")
)


@pytest.fixture
def worker() -> Iterator[None]:
    """The worker's part, by a thread of this process."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.1):
            runner.step(lambda: True)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.parametrize(
    ("look", "size"),
    [pytest.param("light", DESK, marks=pytest.mark.slow), ("dark", PHONE)],
    ids=["desk", "phone"],
)
def test_a_european_excels_csv_is_brought_in(
    watched: Watched, worker: None, tmp_path: Path, look: str, size: dict[str, int]
) -> None:
    page, name = watched.page, f"import-{look}-{size['width']}"
    page.emulate_media(color_scheme=look)
    page.set_viewport_size(size)
    (file := tmp_path / "Kunden.csv").write_bytes(EUROPEAN)

    watched.open(f"{LIST}add/")
    page.locator("input[type=file]").set_input_files(file)
    keep(page, f"{name}-bring.png", full_page=True)
    page.get_by_role("button", name="Look at it").click()

    assert "how its letters are encoded" in page.locator(".gm-warning").inner_text()
    assert "Köln" in page.locator("tr", has_text="cp1252").inner_text()
    keep(page, f"{name}-question.png", full_page=True)
    page.get_by_role("button", name="Look again").click()

    chosen = {at: page.locator(f"[name=column-{at}]").input_value() for at in range(4)}
    assert chosen == {0: "email", 1: "first_name", 2: "last_name", 3: "data"}
    page.locator("[name=new_group]").fill("Kunden")
    keep(page, f"{name}-look.png", full_page=True)
    page.get_by_role("button", name="Check it first").click()

    page.get_by_role("button", name="Run it").wait_for()  # the page follows the check by itself
    assert Contact.objects.count() == 0
    assert "niemand" in page.locator(".gm-main").inner_text()
    keep(page, f"{name}-checked.png", full_page=True)
    page.get_by_role("button", name="Run it").click()

    page.get_by_role("button", name="Undo").wait_for()
    keep(page, f"{name}-done.png", full_page=True)
    assert fits(page)
    assert (Import.objects.get().status, Membership.objects.filter(group__name="Kunden").count()) == (
        "done",
        2,
    )
    assert Contact.objects.get(email="ann@example.org").data == {"Ort": "Köln"}
    with page.expect_download() as download:
        page.get_by_role("link", name="All of them as CSV").click()
    assert "5,E-Mail,invalid_address,niemand" in Path(download.value.path()).read_text()
    watched.settle()
    assert (watched.ran, watched.outside()) == ([], [])


def test_contacts_and_groups_are_looked_at(watched: Watched) -> None:
    page = watched.page
    watched.open("/admin/delivery/group/add/")
    page.locator("#id_name").fill("News")
    page.locator("[name=_save]").click()
    watched.open("/admin/delivery/contact/add/")
    page.locator("#id_email").fill("ann@example.org")
    page.locator("#id_name").fill(HOSTILE)
    page.locator("[name=_save]").click()
    ann = Contact.objects.get(email="ann@example.org")
    Membership.objects.create(contact=ann, group=Group.objects.get(name="News"))
    for at in ("contact", f"contact/{ann.pk}/change", "group", "membership", "import"):
        watched.open(f"/admin/delivery/{at}/")
        keep(page, f"audience-{at.replace('/', '-')[:20]}.png", full_page=True)
    watched.settle()
    assert (watched.ran, watched.outside()) == ([], [])
