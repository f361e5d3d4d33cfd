"""The description of all this."""

from typing import Any

from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.keys import DOCUMENT


@endpoint("GET", "/openapi.json", summary="This document")
async def get_openapi(call: Call) -> dict[str, Any]:
    request = call.request
    prefix = request.path.rstrip("/").removesuffix("/openapi.json")
    return request.app[DOCUMENT] | {"servers": [{"url": prefix or "/"}]}


ENDPOINTS = (get_openapi,)
