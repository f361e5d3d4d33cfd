"""Convert the return values of handlers to HTTP responses."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import BinaryIO, Generic, TypeVar

import orjson
from aiohttp import hdrs, web
from aiohttp.payload import BufferedReaderPayload
from yarl import URL

from semvec.paging import Excerpt, Page
from semvec.service import StoredResponse
from semvec.web.idempotency import REPLAYED

ReplyBody = TypeVar("ReplyBody")

JSON = MappingProxyType({"Content-Type": "application/json"})


@dataclass(frozen=True, slots=True)
class Reply(Generic[ReplyBody]):
    """A body with an explicit status."""

    body: ReplyBody
    status: int


@dataclass(frozen=True, slots=True)
class Download(Generic[ReplyBody]):
    """A body stored as JSON in a file, which is closed after sending; None in answer to HEAD."""

    file: BinaryIO | None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A body that is not JSON."""

    content: bytes
    content_type: str
    headers: Mapping[str, str]


def json_response(body: object, status: int = 200) -> web.Response:
    """Serialize a body that orjson supports: dataclasses, lists, dicts with str keys, plain
    values."""
    return web.Response(body=orjson.dumps(body), status=status, headers=JSON)


def answer_response(answer: StoredResponse) -> web.Response:
    """Convert a stored answer; a replayed one is marked as such."""
    response = web.Response(body=answer.body, status=answer.status, headers=JSON)
    if answer.replayed:
        response.headers[REPLAYED] = "true"
    return response


def file_response(download: Download[ReplyBody]) -> web.Response:
    """Send the file in pieces that are read on threads."""
    if download.file is None:
        return web.Response(headers=JSON)
    return web.Response(body=BufferedReaderPayload(download.file), headers=JSON)


def rendered_response(rendered: Rendered) -> web.Response:
    headers = {hdrs.CONTENT_TYPE: rendered.content_type, **rendered.headers}
    return web.Response(body=rendered.content, headers=headers)


def page_response(page: Page[ReplyBody] | Excerpt[ReplyBody], url: URL) -> web.Response:
    """Send one page of a list; the headers hold the cursor of the next page.

    `Link` holds only a query string, relative to the client's URL: a proxy may have added a prefix
    that this server does not see.
    """
    response = json_response(page.items if isinstance(page, Page) else page.body)
    response.headers["X-Total-Estimate"] = str(page.total)
    if page.next_cursor is not None:
        response.headers["X-Next-Cursor"] = page.next_cursor
        following = url.update_query(cursor=page.next_cursor).raw_query_string
        response.headers["Link"] = f'<?{following}>; rel="next"'
    return response
