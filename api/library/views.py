"""The views of templates/, layouts/ and partials/: validate, call one function, serialize, answer."""

import re
from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.serializers import ValidationError

from api import parameters
from api.authentication import team
from api.fields import fail
from api.library.shapes import (
    NewTemplateSerializer,
    OneTemplateSerializer,
    PreviewSerializer,
    RenderSerializer,
    TemplateInSerializer,
    TemplateSerializer,
    VersionInSerializer,
    VersionNumberSerializer,
    VersionSerializer,
)
from api.pagination import NewestFirst
from api.parsers import StrictJSONParser
from api.serializers import FailureSerializer
from delivery.access.scopes import Scope
from delivery.content import locales
from delivery.library import previews, templates
from delivery.models import Template, TemplateVersion

_READ = dict.fromkeys((400, 401, 403, 404, 405, 500, 503), FailureSerializer)
_FAILURES = dict.fromkeys((400, 401, 403, 404, 405, 409, 413, 422, 500, 503), FailureSerializer)
_ID = OpenApiParameter("id", str, OpenApiParameter.PATH, description="id or slug")
_NUMBER = OpenApiParameter("number", int, OpenApiParameter.PATH)
_NUMBER_IN_PATH = re.compile("[0-9]{1,9}")
_OF_THE_PAGES = ("cursor", "page_size")


class _OfOwn(generics.GenericAPIView[Template]):
    """Something about the templates, layouts or partials of the key's team."""

    kind: str = Template.Kind.TEMPLATE
    http_method_names: tuple[str, ...] = ("post",)
    parser_classes = (StrictJSONParser,)
    serializer_class: Any = TemplateSerializer

    @property
    def scope(self) -> str:
        """Return the scope: reading and changing need different ones."""
        return Scope.TEMPLATES_READ if self.request.method in {"GET", "HEAD"} else Scope.TEMPLATES_WRITE

    def get_queryset(self) -> QuerySet[Template]:
        """Return those of the key's team."""
        return templates.of(team(self.request), self.kind)

    def template(self) -> Template:
        """Return the one of the path, by its id or its slug."""
        if found := templates.find(team(self.request), self.kwargs["id"], self.kind):
            return found
        raise Http404

    def version(self, number: int | str) -> TemplateVersion:
        """Return a version of the one of the path."""
        known = int(number) if _NUMBER_IN_PATH.fullmatch(str(number)) else 0
        versions = TemplateVersion.objects.filter(template=self.template(), number=known)
        if found := versions.select_related("template", "layout").first():
            return found
        raise Http404


class Templates(_OfOwn):
    """Yours, newest first."""

    http_method_names = ("get", "head", "post")
    pagination_class = NewestFirst.of("Templates")

    @extend_schema(responses={200: TemplateSerializer(many=True), **_READ})
    def get(self, request: Request) -> Response:
        """List them."""
        return _page(self, self.get_queryset(), TemplateSerializer)

    @extend_schema(request=NewTemplateSerializer, responses={201: OneTemplateSerializer, **_FAILURES})
    def post(self, request: Request) -> Response:
        """Make one, without a version."""
        asked = _asked(NewTemplateSerializer, request)
        made = templates.create(team(request), kind=self.kind, **asked)
        place = {"Location": reverse(self.kind, args=[made.pk])}
        return _shown(made, status=status.HTTP_201_CREATED, headers=place)


class OneTemplate(_OfOwn):
    """One of yours."""

    http_method_names = ("get", "head", "patch", "delete")

    @extend_schema(parameters=[_ID], responses={200: OneTemplateSerializer, **_READ})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read it, and what is sent of it."""
        return _shown(self.template())

    @extend_schema(
        parameters=[_ID], request=TemplateInSerializer, responses={200: OneTemplateSerializer, **_FAILURES}
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change its name or slug."""
        asked, template = _asked(TemplateInSerializer, request), self.template()
        templates.change(template, **asked)
        return _shown(template)

    @extend_schema(parameters=[_ID], responses={204: None, **_FAILURES})
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete it with its versions; emails that were written with it stay."""
        templates.delete(self.template())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Versions(_OfOwn):
    """Its versions, newest first."""

    http_method_names: tuple[str, ...] = ("get", "head", "post")
    serializer_class = VersionSerializer
    query = {"GET": _OF_THE_PAGES}
    pagination_class = NewestFirst.of("Versions")

    @extend_schema(parameters=[_ID], responses={200: VersionSerializer(many=True), **_READ})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List them."""
        rows = TemplateVersion.objects.filter(template=self.template()).select_related("layout")
        return _page(self, rows, VersionSerializer)

    @extend_schema(
        parameters=[_ID], request=VersionInSerializer, responses={201: VersionSerializer, **_FAILURES}
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a draft; it is sent once it is published."""
        asked = self.with_layout(_asked(VersionInSerializer, request))
        made = templates.add_version(self.template(), **asked)
        place = {"Location": reverse(f"{self.kind}-version", args=[self.kwargs["id"], made.number])}
        return _version(made, status=status.HTTP_201_CREATED, headers=place)

    def with_layout(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the fields with the row of the layout that they name."""
        if "layout" not in asked:
            return asked
        found = templates.find(team(self.request), asked["layout"], Template.Kind.LAYOUT)
        if asked["layout"] and (found is None or self.kind != Template.Kind.TEMPLATE):
            raise ValidationError({"layout": fail("invalid_value", "is no layout of yours.").detail})
        return {**asked, "layout": found if asked["layout"] else None}


class OneVersion(Versions):
    """One version."""

    http_method_names = ("get", "head", "patch", "delete")

    @extend_schema(parameters=[_ID, _NUMBER], responses={200: VersionSerializer, **_READ})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read it."""
        return _version(self.version(kwargs["number"]))

    @extend_schema(
        parameters=[_ID, _NUMBER],
        request=VersionInSerializer,
        responses={200: VersionSerializer, **_FAILURES},
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change a draft."""
        asked, version = (
            self.with_layout(_asked(VersionInSerializer, request)),
            self.version(kwargs["number"]),
        )
        templates.change_version(version, **asked)
        return _version(version)

    @extend_schema(parameters=[_ID, _NUMBER], responses={204: None, **_FAILURES})
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete a draft."""
        templates.delete_version(self.version(kwargs["number"]))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Publish(_OfOwn):
    """What is sent."""

    @extend_schema(
        parameters=[_ID], request=VersionNumberSerializer, responses={200: VersionSerializer, **_FAILURES}
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Let this version be sent in its language from now on, with its layout and partials as they are."""
        asked = _asked(VersionNumberSerializer, request)
        version = self.version(asked["version"])
        templates.publish(version)
        return _version(version)


class Render(_OfOwn):
    """A preview."""

    @property
    def scope(self) -> str:
        """Return the scope of reading: nothing is changed."""
        return Scope.TEMPLATES_READ

    @extend_schema(
        parameters=[_ID], request=RenderSerializer, responses={200: PreviewSerializer, **_FAILURES}
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Write a version with this data, or with its own sample, and say what is missing; nothing is sent."""
        asked = _asked(RenderSerializer, request)
        version = (
            self.version(asked["version"]) if "version" in asked else self._current(asked.get("locale", ""))
        )
        found = previews.of(version, asked.get("data", version.sample))
        told = {"message": "The preview", **vars(found.rendered), **vars(found), "size": found.size}
        return Response({"success": True, **PreviewSerializer(told).data})

    def _current(self, locale: str) -> TemplateVersion:
        """Return what is sent in a language; else the newest version."""
        rows = TemplateVersion.objects.filter(template=self.template()).select_related("template", "layout")
        by_locale: Mapping[str, TemplateVersion] = {row.locale: row for row in rows.filter(is_current=True)}
        named = [by_locale[each] for each in locales.candidates(locale) if each in by_locale]
        if found := named[0] if named else rows.first():
            return found
        raise Http404


def _asked(serializer: Any, request: Request) -> dict[str, Any]:
    asked = serializer(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


def _page(view: Any, rows: Any, serializer: Any) -> Response:
    parameters.refuse_unknown(view.request.query_params, _OF_THE_PAGES)
    found: Response = view.get_paginated_response(serializer(view.paginate_queryset(rows), many=True).data)
    return found


def _shown(template: Template, **how: Any) -> Response:
    return Response(
        {"success": True, "message": f"The {template.kind}", **OneTemplateSerializer(template).data}, **how
    )


def _version(version: TemplateVersion, **how: Any) -> Response:
    return Response({"success": True, "message": "The version", **VersionSerializer(version).data}, **how)
