"""The description of all this."""

from typing import Any

from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.keys import DOCUMENT


@endpoint("GET", "/openapi.json", summary="This document")
async def get_openapi(call: Call) -> dict[str, Any]:
    """The address of the server in it is relative to the document's own."""
    request = call.request
    return request.app[DOCUMENT] | {"servers": [{"url": root_from(request.path)}]}


def root_from(path: str) -> str:
    """The root of the application, relative to a path right below it.

    It holds behind any prefix, also one that a proxy takes away and this server never sees.
    """
    return ".." if path.endswith("/") else "."


ENDPOINTS = (get_openapi,)
