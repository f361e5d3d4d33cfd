"""Declarations that route, validate and document at once.

`@endpoint` reads a handler's annotations when its module is imported: what it takes as `body` and
`query`, which parts of the path, what it answers. A request then only runs what was made of them.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from types import GenericAlias
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import unquote_to_bytes

from aiohttp import web
from pydantic import BaseModel, ValidationError, create_model

from semvec.errors import Fault, Invalid, Malformed
from semvec.paging import Page
from semvec.settings import Settings
from semvec.web.body import Upload, leave_expectation, read_body
from semvec.web.call import Call
from semvec.web.keys import SETTINGS
from semvec.web.reply import (
    Download,
    Rendered,
    Reply,
    file_response,
    json_response,
    page_response,
    rendered_response,
)
from semvec.web.schemas.fields import Query

Method = Literal["GET", "POST", "PUT", "DELETE"]
Handle = Callable[..., Awaitable[Any]]
Limit = Callable[[Settings], int]
Model = TypeVar("Model", bound=BaseModel)

PART = re.compile(r"{(\w+)(?::[^{}]+)?}")
SPANNING = ":(?s:.+)}"
"""How a part of a path ends that takes in slashes."""


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """`reply` is the type of the body; `statuses` are those it goes out with, the usual one first.

    `path` is as the document shows it; in `pattern` a part may say what it matches. `limit` bounds
    the body, in bytes; an `upload` is read by the handler. `errors` are statuses of errors beyond
    those that follow from what the endpoint takes, `media` what a good answer may come as, and
    `scheme` how a public endpoint asks who it is nevertheless.
    """

    method: Method
    path: str
    pattern: str
    summary: str
    errors: tuple[int, ...]
    statuses: tuple[int, ...]
    handle: Handle
    body: type[BaseModel] | None
    upload: bool
    limit: Limit
    query: type[BaseModel] | None
    parts: type[BaseModel] | None
    reply: Any
    paged: bool
    media: tuple[str, ...]
    scheme: str | None

    @property
    def body_required(self) -> bool:
        return self.body is not None and any(
            field.is_required() for field in self.body.model_fields.values()
        )

    async def respond(self, request: web.Request) -> web.Response:
        """The aiohttp handler."""
        inputs: dict[str, Any] = {}
        _check_utf8(request)
        if self.parts is not None:
            inputs |= vars(_from_text(self.parts, request.match_info, "path"))
        if self.query is not None:
            inputs["query"] = _from_text(self.query, request.query, "query")
        if self.upload:
            inputs["body"] = Upload(request, self.limit(request.app[SETTINGS]))
        elif self.body is not None:
            content = await read_body(request, self.limit(request.app[SETTINGS]))
            if not content and self.body_required:
                raise Malformed("the body is empty: send a JSON object")
            inputs["body"] = _from_json(self.body, content or b"{}")
        result = await self.handle(Call(request), **inputs)
        if isinstance(result, Page):
            return page_response(result, request.rel_url)
        if isinstance(result, Download):
            return file_response(result, request.method)
        if isinstance(result, Rendered):
            return rendered_response(result)
        if isinstance(result, Reply):
            return json_response(result.body, result.status)
        return json_response(result, self.statuses[0])


def endpoint(
    method: Method,
    path: str,
    *,
    summary: str,
    errors: tuple[int, ...] = (),
    statuses: tuple[int, ...] = (200,),
    limit: Limit = attrgetter("max_body_bytes"),
    media: tuple[str, ...] = ("application/json",),
    scheme: str | None = None,
) -> Callable[[Handle], Endpoint]:
    def declare(handle: Handle) -> Endpoint:
        kinds = get_type_hints(handle, include_extras=True)
        reply, paged = _reply_type(kinds.pop("return"))
        body, upload = _body_type(kinds.get("body"))
        parts: dict[str, Any] = {
            name: kind for name, kind in kinds.items() if name not in ("call", "body", "query")
        }
        if parts.keys() != set(PART.findall(path)):
            raise TypeError(f"{handle.__qualname__} takes {[*parts]} from {path}")
        return Endpoint(
            method=method,
            path=PART.sub(r"{\1}", path),
            pattern=path,
            summary=summary,
            errors=errors,
            statuses=statuses,
            handle=handle,
            body=body,
            upload=upload,
            limit=limit,
            query=kinds.get("query"),
            parts=create_model("Parts", __base__=Query, **parts) if parts else None,
            reply=reply,
            paged=paged,
            media=media,
            scheme=scheme,
        )

    return declare


def mount(router: web.UrlDispatcher, *endpoints: Endpoint) -> None:
    """Paths answer with and without a trailing slash, and to HEAD where they answer to GET; a last
    part that spans slashes has the trailing one in it."""
    for declared in endpoints:
        bare = declared.pattern.rstrip("/")
        for path in (bare,) if bare.endswith(SPANNING) else (bare, bare + "/"):
            for method in ("GET", "HEAD") if declared.method == "GET" else (declared.method,):
                router.add_route(method, path, declared.respond, expect_handler=leave_expectation)


def _reply_type(answered: Any) -> tuple[Any, bool]:
    """The type of the body, and whether it is one page of a list."""
    kind = get_origin(answered)
    if answered is Rendered:
        return str, False
    if kind is Page:
        return GenericAlias(list, get_args(answered)), True
    return (get_args(answered)[0] if kind in (Reply, Download) else answered), False


def _body_type(taken: Any) -> tuple[type[BaseModel] | None, bool]:
    """What the body has to be, and whether it is left to the handler to read."""
    return (get_args(taken)[0], True) if get_origin(taken) is Upload else (taken, False)


def _check_utf8(request: web.Request) -> None:
    """yarl takes bytes that are not UTF-8 for the text of their own escapes."""
    try:
        unquote_to_bytes(request.raw_path).decode()
    except UnicodeError:
        raise Malformed("the address is not UTF-8") from None


def _from_text(model: type[Model], values: Mapping[str, str], place: str) -> Model:
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise _invalid(error, place) from None


def _from_json(model: type[Model], content: bytes) -> Model:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        refused = _invalid(error, "body")
    if refused.faults[0]["type"] == "json_invalid":
        raise Malformed(refused.faults[0]["msg"])
    raise refused


def _invalid(error: ValidationError, place: str) -> Invalid:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return Invalid(
        *(Fault(loc=[place, *each["loc"]], msg=each["msg"], type=each["type"]) for each in found)
    )
