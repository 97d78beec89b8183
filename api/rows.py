"""Rows by their ids, as a path or a request names them."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404


def found_or_404(rows: QuerySet[Any], **named: Any) -> Any:
    """Return the row; another team's is as missing as one that never was."""
    try:
        return rows.get(**named)
    except (rows.model.DoesNotExist, ValidationError) as error:  # the latter: an id that is none
        raise Http404 from error
