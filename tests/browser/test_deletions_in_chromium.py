"""The pages of a team that is deleted in a real browser, wide and narrow, light and dark."""

import pytest

from delivery.access import keys
from delivery.models import Contact, Email, Team, TeamDeletion
from tests.browser.watching import Watched, fits, keep

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1400, "height": 900}
NAME = "The shop at the corner of Liechtensteinstraße"


@pytest.mark.parametrize(
    ("look", "size"), [("light", DESK), pytest.param("dark", PHONE, marks=pytest.mark.slow)]
)
def test_a_team_is_deleted_after_its_name_was_typed(
    watched: Watched, look: str, size: dict[str, int]
) -> None:
    team = Team.objects.create(name=NAME)
    keys.issue(team, scopes=["emails.send"])
    Email.objects.create(team=team, from_address="me@example.org", status="sending")
    Contact.objects.create(team=team, email="a@example.org", email_key="a@example.org")
    page, name = watched.page, f"deletions-{look}-{size['width']}"
    page.emulate_media(color_scheme=look)
    page.set_viewport_size(size)

    watched.open(f"/admin/delivery/team/{team.pk}/delete-team/")
    assert fits(page)
    keep(page, f"{name}-ask.png", full_page=True)
    page.locator("#again").fill(NAME.lower())
    page.get_by_role("button", name="Delete this team").click()
    page.get_by_text("That is another name").wait_for()
    page.locator("#again").fill(NAME)
    page.get_by_role("button", name="Delete this team").click()
    page.get_by_text("emails: 0 of 1 · contacts: 0 of 1").wait_for()
    assert fits(page)
    keep(page, f"{name}-one.png", full_page=True)

    TeamDeletion.objects.update(counts={"emails": 1}, waits_for="The last answers are being written down.")
    page.get_by_text("The last answers are being written down.").first.wait_for()  # it follows by itself
    watched.open("/admin/delivery/teamdeletion/")
    assert fits(page)
    keep(page, f"{name}.png")
