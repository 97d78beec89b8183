"""Imports: a file of contacts, how it is read, how far it has come, and the rows that were not taken."""

from datetime import timedelta
from typing import Final

from django.db import models
from django.db.models import Q

from delivery.db import clock, ids
from delivery.models.access import Team
from delivery.models.contact import Group

LEASE: Final = timedelta(seconds=60)  # renewed with every chunk, which takes a second
MOST_CRASHES: Final = 3  # of processes that had it; then it is set aside


class Import(models.Model):
    """One file on its way into the contacts. Its row is its place in the queue, and its position in the file."""

    class Status(models.TextChoices):
        UPLOADED = "uploaded"
        CHECKING = "checking"
        READY = "ready"
        RUNNING = "running"
        PAUSED = "paused"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"
        UNDONE = "undone"

    class OnExisting(models.TextChoices):
        MERGE = "merge", "fill in and overwrite, keep what the file leaves empty"
        REPLACE = "replace", "replace all of it"
        SKIP = "skip", "leave the contact as it is"

    DUE = (Status.UPLOADED, Status.CHECKING, Status.RUNNING)  # what a worker takes
    OVER = (Status.DONE, Status.FAILED, Status.CANCELLED, Status.UNDONE)

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="imports", db_index=False
    )
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.SET_NULL, related_name="imports")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    by = models.CharField(max_length=150, blank=True)  # the person or key that brought it

    # The file, and how it is read.
    filename = models.CharField(max_length=255, blank=True)
    sha256 = models.CharField(max_length=64)  # of the file as it was stored: the table of a workbook as CSV
    size = models.BigIntegerField(default=0)
    sheet = models.CharField(max_length=255, blank=True)  # of a spreadsheet; empty: it is a CSV file
    encoding = models.CharField(max_length=20)
    delimiter = models.CharField(max_length=1, default=",")
    header = models.BooleanField(default=True)  # its first record names the columns
    columns = models.JSONField(default=list)  # their names as written, or numbers from 1
    fields = models.JSONField(default=list)  # what each becomes: a field, data:<name>, or empty for nothing

    # What to do with it.
    on_existing = models.CharField(max_length=7, choices=OnExisting.choices, default=OnExisting.MERGE)
    from_spreadsheet = models.BooleanField(default=False)  # take off the ' that our own exports put on
    dry_run = models.BooleanField(default=False)  # check it, and wait until somebody runs it
    confirm = models.BooleanField(default=False)  # check it, and run it if no more rows are bad than max_bad
    max_bad = models.FloatField(default=0.0)  # of all rows

    # How far it has come.
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.UPLOADED)
    error = models.TextField(blank=True)  # why it failed
    position = models.PositiveBigIntegerField(default=0)  # records behind it, the header among them
    bytes_read = models.PositiveBigIntegerField(default=0)  # of the file, about
    total = models.PositiveBigIntegerField(default=0)  # rows behind it
    created = models.PositiveBigIntegerField(default=0)
    updated = models.PositiveBigIntegerField(default=0)
    unchanged = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    duplicates = models.PositiveBigIntegerField(default=0)  # rows of an address that the file had before
    began_at = models.DateTimeField(null=True, editable=False)  # going on in the state that it has
    began_bytes = models.PositiveBigIntegerField(default=0, editable=False)  # and where
    finished_at = models.DateTimeField(null=True, editable=False)

    # Who has it.
    worker = models.UUIDField(null=True, editable=False)
    epoch = models.PositiveIntegerField(
        default=0, editable=False
    )  # number of its claim; a late process's is older
    lease_until = models.DateTimeField(null=True, editable=False)  # None: nobody has it
    crashes = models.PositiveSmallIntegerField(
        default=0, editable=False
    )  # processes that ended with it, in a row

    class Meta:
        ordering = ("-id",)
        indexes = [
            # read by the list of a team's imports
            models.Index(fields=["team", "id"], name="import_by_team"),
            # read by the workers
            models.Index(
                fields=["id"],
                name="import_due",
                condition=Q(status__in=["uploaded", "checking", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return self.filename or str(self.id)


class ImportReject(models.Model):
    """One row of a file that was not taken, and why."""

    class Code(models.TextChoices):
        INVALID_ADDRESS = "invalid_address", "is no address"
        NO_ADDRESS = "no_address", "has no address"
        MANY_ADDRESSES = "many_addresses", "has several addresses in one cell"
        NUL = "nul", "holds a NUL character"
        CELL_COUNT = "cell_count", "has more or fewer cells than there are columns"
        UNCLOSED_QUOTE = "unclosed_quote", "has a quote that is never closed, or closed in the middle"
        CELL_TOO_LONG = "cell_too_long", "has a cell that is too long"
        FORGOTTEN = "forgotten", "is of somebody who was forgotten"
        DATA_TOO_LARGE = "data_too_large", "holds more data than a contact may have"

    of = models.ForeignKey(
        Import, db_column="import_id", on_delete=models.CASCADE, related_name="rejects", db_index=False
    )
    line = models.PositiveBigIntegerField()  # of the file, where the record begins; the first is 1
    column = models.CharField(max_length=200, blank=True)  # its header, or its number from 1
    code = models.CharField(max_length=15, choices=Code.choices)
    value = models.CharField(max_length=200, blank=True)  # the beginning of the cell

    class Meta:
        ordering = ("id",)
        indexes = [models.Index(fields=["of", "id"], name="reject_by_import")]

    def __str__(self) -> str:
        return f"line {self.line}: {self.code}"
