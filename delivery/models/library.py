"""What teams write once and use in many emails: templates with their layouts and partials, and signatures."""

from typing import Final

from django.db import models
from django.db.models import Q

from delivery.db import clock, ids
from delivery.models.access import Team

LONGEST_NAME: Final = 100
LONGEST_SLUG: Final = 64


class Template(models.Model):
    """A template, or what templates are made with: a layout around them, a partial inside them."""

    class Kind(models.TextChoices):
        TEMPLATE = "template"
        LAYOUT = "layout"
        PARTIAL = "partial"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    # None: of those who use GoMail without an API key
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="templates", db_index=False
    )
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.TEMPLATE)
    name = models.CharField(max_length=LONGEST_NAME)
    slug = models.CharField(max_length=LONGEST_SLUG)  # how emails and other templates call it
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["team", "kind", "slug"], name="template_of_a_team"),
            # NULL differs from NULL in the one above
            models.UniqueConstraint(
                fields=["kind", "slug"], name="template_of_nobody", condition=Q(team__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TemplateVersion(models.Model):
    """One version in one language. A draft may be changed; what was published stays as it is."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()  # from 1, over all languages
    locale = models.CharField(max_length=35, blank=True, default="")  # BCP 47, folded; empty: the default
    subject = models.TextField(blank=True)
    html = models.TextField(blank=True)
    mjml = models.TextField(blank=True)  # instead of HTML
    text = models.TextField(blank=True)  # empty: made of the HTML
    variables = models.JSONField(default=list, blank=True)  # [{name, type, required, default}, …]
    sample = models.JSONField(default=dict, blank=True)  # data for previews
    layout = models.ForeignKey(
        Template, null=True, blank=True, on_delete=models.PROTECT, related_name="framed"
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    changed_at = models.DateTimeField(default=clock.now, editable=False)
    published_at = models.DateTimeField(null=True, editable=False)  # last; None: a draft
    is_current = models.BooleanField(default=False, editable=False)  # what is sent in this language
    # What publishing made of it, see content.templates.Compiled; it needs no other row.
    compiled = models.JSONField(null=True, editable=False)

    class Meta:
        ordering = ("-number",)
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="version_number_once"),
            # read by each email that names a template
            models.UniqueConstraint(
                fields=["template", "locale"], name="version_current_once", condition=Q(is_current=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template} {self.number}"


class Signature(models.Model):
    """What is put under the emails from or to an address."""

    class Match(models.TextChoices):
        TO_ADDRESS = "to_address", "to an address"
        GROUP = "group", "to a group"
        FROM_ADDRESS = "from_address", "from an address"
        TO_DOMAIN = "to_domain", "to a domain"
        FROM_DOMAIN = "from_domain", "from a domain"

    class Position(models.TextChoices):
        BELOW_MESSAGE = "below_message", "below the message"
        END = "end", "at the very end"

    class Kind(models.TextChoices):
        SIGNATURE = "signature"
        DISCLAIMER = "disclaimer"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    # None: of the emails that are sent without an API key
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="signatures")
    name = models.CharField(max_length=LONGEST_NAME)
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)  # empty: made of the HTML
    match = models.CharField(max_length=12, choices=Match.choices)
    match_value = models.CharField(max_length=254)  # lower case; of a group its id
    position = models.CharField(max_length=13, choices=Position.choices, default=Position.BELOW_MESSAGE)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.SIGNATURE)
    once = models.BooleanField(default=True)  # not below an email whose thread has it
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.name


class SignatureImage(models.Model):
    """An image of a signature, sent with each email that has it. It is small, and stands in the row."""

    signature = models.ForeignKey(Signature, on_delete=models.CASCADE, related_name="images")
    content_id = models.CharField(max_length=100)  # how its HTML calls it: <img src="cid:…">
    filename = models.CharField(max_length=150)
    content_type = models.CharField(max_length=100)
    content = models.BinaryField()

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["signature", "content_id"], name="signature_image_once")
        ]

    def __str__(self) -> str:
        return self.filename
