"""What mailings that are over were written with: kept with them where its version is published anew as another one.

Whoever it failed for may be tried again, and gets what the others have got.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Exists, OuterRef

from delivery.models import Mailing, MailingRecipient, TemplateVersion

_WORDS: Final = ("subject", "html", "text", "partials")  # of what is published: all that is sent


def words(made: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is sent, of a version as it was compiled; nothing is of layouts and partials by themselves."""
    return {name: made[name] for name in _WORDS if name in made}


def is_another(version: TemplateVersion, made: Mapping[str, Any]) -> bool:
    """Tell whether a published version would become another one by this."""
    return version.compiled is not None and words(version.compiled) != words(made)


def keep(version: TemplateVersion, made: Mapping[str, Any]) -> None:
    """Keep what the version was, before it becomes another one, with mailings that may be tried again.

    The caller holds the template, as whoever tries a mailing again does.
    """
    if not is_another(version, made):
        return
    failed = MailingRecipient.objects.filter(mailing=OuterRef("pk"), state=MailingRecipient.State.FAILED)
    over = Mailing.objects.filter(template=version.template_id, state=Mailing.State.DONE)
    was = {"version": str(version.pk), "compiled": version.compiled}
    for mailing in over.filter(Exists(failed)).only("content"):
        if mailing.content.get(version.locale) == str(version.pk):
            content = {**mailing.content, version.locale: was}
            Mailing.objects.filter(pk=mailing.pk).update(content=content)
