"""GET /api/schema: the document of the API, the same for everybody."""

from functools import cache
from typing import Any, Final

import orjson
from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.request import Request

_MEDIA_TYPE: Final = "application/vnd.oai.openapi+json"


class Document(SpectacularJSONAPIView):
    """/api/schema, open to whoever asks.

    It is written once: writing takes twenty times the CPU of any other answer that needs no token. The parameters of
    drf-spectacular's own view do nothing here: it would copy `version` into a header, and keep a document in memory
    for each made-up `lang`.
    """

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **options: Any) -> HttpResponse:
        """Return the document."""
        named = {"Content-Disposition": 'inline; filename="Notifications.json"'}
        return HttpResponse(_document(), content_type=_MEDIA_TYPE, headers=named)


@cache
def _document() -> bytes:
    generator: Any = SchemaGenerator
    return orjson.dumps(generator().get_schema(request=None, public=True))
