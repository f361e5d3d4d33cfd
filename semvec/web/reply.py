"""What handlers answer, as HTTP responses."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import orjson
from aiohttp import web
from yarl import URL

from semvec.paging import Page

Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class Reply(Generic[Body]):
    """A body that goes out with a status of the handler's choosing."""

    body: Body
    status: int


def json_response(body: object, status: int = 200) -> web.Response:
    """`body` is what orjson takes: dataclasses, lists, dicts with str keys, plain values."""
    return web.Response(
        body=orjson.dumps(body), status=status, headers={"Content-Type": "application/json"}
    )


def page_response(page: Page[Body], url: URL) -> web.Response:
    """The plain list; the way on is in the headers."""
    response = json_response(page.items)
    response.headers["X-Total-Estimate"] = str(page.total)
    if page.next_cursor is not None:
        response.headers["X-Next-Cursor"] = page.next_cursor
        following = url.update_query(cursor=page.next_cursor)
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response
