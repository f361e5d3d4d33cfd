"""What handlers answer, as HTTP responses."""

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
    """A body that goes out with a status of the handler's choosing."""

    body: ReplyBody
    status: int


@dataclass(frozen=True, slots=True)
class Download(Generic[ReplyBody]):
    """A body that lies in a file as JSON, none in answer to HEAD; sending it closes the file."""

    file: BinaryIO | None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A body that is no JSON."""

    content: bytes
    content_type: str
    headers: Mapping[str, str]


def json_response(body: object, status: int = 200) -> web.Response:
    """`body` is what orjson takes: dataclasses, lists, dicts with str keys, plain values."""
    return web.Response(body=orjson.dumps(body), status=status, headers=JSON)


def answer_response(answer: StoredResponse) -> web.Response:
    """An answer that was kept, or is."""
    response = web.Response(body=answer.body, status=answer.status, headers=JSON)
    if answer.replayed:
        response.headers[REPLAYED] = "true"
    return response


def file_response(download: Download[ReplyBody]) -> web.Response:
    """The file goes out piece by piece, read on threads."""
    if download.file is None:
        return web.Response(headers=JSON)
    return web.Response(body=BufferedReaderPayload(download.file), headers=JSON)


def rendered_response(rendered: Rendered) -> web.Response:
    headers = {hdrs.CONTENT_TYPE: rendered.content_type, **rendered.headers}
    return web.Response(body=rendered.content, headers=headers)


def page_response(page: Page[ReplyBody] | Excerpt[ReplyBody], url: URL) -> web.Response:
    """The list, or what it stands in; the way on is in the headers.

    `Link` holds a query string alone, relative to the address that the client asked: a proxy may
    have put a prefix before it that this server does not see.
    """
    response = json_response(page.items if isinstance(page, Page) else page.body)
    response.headers["X-Total-Estimate"] = str(page.total)
    if page.next_cursor is not None:
        response.headers["X-Next-Cursor"] = page.next_cursor
        following = url.update_query(cursor=page.next_cursor).raw_query_string
        response.headers["Link"] = f'<?{following}>; rel="next"'
    return response
