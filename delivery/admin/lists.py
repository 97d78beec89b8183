"""What the admin's long lists have in common."""

from typing import Any

from django.contrib.admin import ShowFacets

from delivery.admin import base


class Endless:
    """A list that is as fast with millions of rows: newest first, page by page, nothing counted or sorted anew."""

    list_per_page = 50
    list_max_show_all = 0
    paginator = base.EndlessPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # facets need COUNT queries
    ordering: Any = ("-id",)
    sortable_by: Any = ()
