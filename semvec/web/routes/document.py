"""The OpenAPI document."""

from typing import Any

from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.keys import DOCUMENT


@endpoint("GET", "/openapi.json", summary="This document")
async def get_openapi(call: Call) -> dict[str, Any]:
    """Return the OpenAPI document. Its server URL is relative to its own address."""
    request = call.request
    return request.app[DOCUMENT] | {"servers": [{"url": root_from(request.path)}]}


def root_from(path: str) -> str:
    """Return the application's root, relative to a path directly below it.

    This works behind any prefix, also one that a proxy removes before this server.
    """
    return ".." if path.endswith("/") else "."


ENDPOINTS = (get_openapi,)
