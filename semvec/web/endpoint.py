"""Declarations that route, validate and document an operation.

`@endpoint` reads a handler's annotations at import: its `body`, its `query`, its path parameters
and its return type. A request only runs the validators built from them.
"""

import re
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from operator import attrgetter
from types import GenericAlias
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import unquote_to_bytes

import orjson
from aiohttp import web
from multidict import MultiMapping
from pydantic import BaseModel, ValidationError, create_model

from semvec.errors import FieldFault, Invalid, Malformed, Unavailable
from semvec.paging import Excerpt, Page
from semvec.service import AuditInfo, IdempotentRequest, StoredResponse, WriteContext, write_context
from semvec.settings import Settings
from semvec.web.body import Upload, leave_expectation, read_body
from semvec.web.bounds import check_content, check_size
from semvec.web.call import Call
from semvec.web.descriptions import read_descriptions
from semvec.web.faults import invalid, located
from semvec.web.idempotency import check_no_key, key_of, scope_of
from semvec.web.keys import BODY_BUDGET, CONTEXT, SETTINGS
from semvec.web.reply import (
    Download,
    Rendered,
    Reply,
    answer_response,
    file_response,
    json_response,
    page_response,
    rendered_response,
)
from semvec.web.schemas.fields import NoBody, NoQuery, Parts
from semvec.web.stream import Stream, stream_response

Method = Literal["GET", "POST", "PUT", "DELETE"]
Handle = Callable[..., Awaitable[Any]]
BodyLimit = Callable[[Settings], int]
Digest = Callable[[], Awaitable[bytes]]
SchemaType = TypeVar("SchemaType", bound=BaseModel)

PATH_PART = re.compile(r"{(\w+)(?::[^{}]+)?}")
SCALAR_KINDS = ("session", "cluster", "region", "observer", "user", "network")
"""Kinds of resources that the audit log names."""
SPANNING = ":(?s:.+)}"
"""End of a path parameter that may contain slashes."""
MOST_PARAMETERS = 64
"""Parameters allowed in one query string."""


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """One operation of the API.

    `path` is the documented path; in `pattern` a parameter may have a regular expression. `reply`
    is the type of the answer's body; `statuses` are its success statuses, the usual one first;
    `errors` are error statuses beyond those that follow from the inputs. `limit` returns the
    largest body in bytes; the handler reads the body of an `upload` itself. `media` lists the
    content types of a successful answer. `scheme` is the authentication scheme of a public
    endpoint, if it has one. A `streamed` endpoint sends server-sent events, each one a `reply`.
    `links` names fields of the reply that are inputs of other operations. A `mutating` operation is
    written to the audit log under its handler's name; `named` is the input with the resource's id:
    a path parameter or a field of the body. `places` maps input names to the part of the request
    that holds them.
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
    limit: BodyLimit
    query: type[BaseModel] | None
    parts: type[BaseModel] | None
    reply: Any
    paged: bool
    mutating: bool
    kind: str
    named: tuple[str, str] | None
    streamed: bool
    links: tuple[str, ...]
    media: tuple[str, ...]
    scheme: str | None
    places: Mapping[str, str]

    @property
    def body_required(self) -> bool:
        """Whether the body has required fields, so that `{}` is not valid."""
        return self.body is not None and (
            "json_schema_extra" in self.body.model_config
            or any(field.is_required() for field in self.body.model_fields.values())
        )

    @property
    def idempotent(self) -> bool:
        """Whether requests may have an Idempotency-Key."""
        return self.mutating and self.method == "POST"

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Handle a request: read the inputs, call the handler, build the response."""
        try:
            return await self._respond(request)
        except Invalid as error:
            raise located(error, self.places) from None

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        if not self.idempotent:
            check_no_key(request.headers)
        if not self.mutating:
            inputs, _ = await self._inputs(request)
            return await self._response(request, await self.handle(Call(request), **inputs))
        key = key_of(request.headers) if self.idempotent else None
        inputs, digest = await self._inputs(request, hashing=key is not None)
        call = Call(request)
        receipt = self._receipt(call, inputs)
        if key is None:
            return await self._change(call, inputs, WriteContext(receipt))
        asked = IdempotentRequest(
            receipt=receipt,
            scope=scope_of(request, receipt.subject, key),
            digest=digest,
            handle=partial(self._act, call, inputs),
            single_attempt=self.upload,
        )
        return answer_response(await call.service.repeats.answer(asked))

    async def _change(
        self, call: Call, inputs: dict[str, Any], effect: WriteContext
    ) -> web.StreamResponse:
        try:
            with write_context(effect):
                return await self._response(call.request, await self.handle(call, **inputs))
        except (Exception, CancelledError) as error:
            if isinstance(error, Unavailable):
                error.outcome = effect.outcome(error)
            if effect.recorded is not None:
                await call.service.trail.broke_off(effect.recorded, error)
            raise

    async def _act(self, call: Call, inputs: dict[str, Any]) -> StoredResponse:
        result = await self.handle(call, **inputs)
        if isinstance(result, Reply):
            return StoredResponse(result.status, orjson.dumps(result.body))
        return StoredResponse(self.statuses[0], orjson.dumps(result))

    def _receipt(self, call: Call, inputs: dict[str, Any]) -> AuditInfo:
        context = call.request[CONTEXT]
        named = ""
        if self.named is not None:
            place, name = self.named
            named = inputs[name] if place == "path" else getattr(inputs["body"], name)
        return AuditInfo(
            at=call.service.clock(),
            subject=call.caller.subject,
            action=self.handle.__name__,
            kind=self.kind,
            id=named,
            status=self.statuses[0],
            request_id=context.request_id,
            client_ip=context.client,
        )

    async def _inputs(
        self, request: web.Request, *, hashing: bool = False
    ) -> tuple[dict[str, Any], Digest]:
        """Return the handler's inputs and a function that returns the digest of the body."""
        inputs: dict[str, Any] = {}
        content = b""
        _check_utf8(request)
        if self.parts is not None:
            inputs |= vars(_from_text(self.parts, request.match_info, "path"))
        if self.query is not None:
            inputs["query"] = self._asked(request, self.query)
        elif request.rel_url.raw_query_string:
            self._asked(request, NoQuery)
        settings = request.app[SETTINGS]
        if self.upload:
            hash = sha256() if hashing else None
            deadline_s = settings.request_deadline_s
            inputs["body"] = Upload(request, self.limit(settings), deadline_s, hash)
            return inputs, inputs["body"].digest
        if self.body is not None:
            content = await self._read(request)
            if not content and self.body_required:
                raise Malformed("the body is empty: send a JSON object")
            inputs["body"] = _from_json(self.body, content or b"{}", self.places)
        elif request.can_read_body or request.content.exception() is not None:
            content = await self._read(request)
            _from_json(NoBody, content or b"{}", self.places)
        return inputs, partial(_digest, content)

    async def _read(self, request: web.Request) -> bytes:
        """Read the body; count it in the body budget until the request is answered."""
        settings, context, bodies = (
            request.app[SETTINGS],
            request[CONTEXT],
            request.app[BODY_BUDGET],
        )

        def take(nbytes: int) -> None:
            bodies.take(context.payer, nbytes)
            context.body_bytes += nbytes

        return await read_body(request, self.limit(settings), settings.request_deadline_s, take)

    def _asked(self, request: web.Request, model: type[SchemaType]) -> SchemaType:
        """Validate the query string."""
        if request.rel_url.raw_query_string.count("&") >= MOST_PARAMETERS:
            msg = f"the query string has more than {MOST_PARAMETERS} parameters"
            raise Invalid(FieldFault(loc=["query"], msg=msg, type="too_long"))
        _check_once_each(request.query)
        return _from_text(model, request.query, "query", self.places)

    async def _response(self, request: web.Request, result: Any) -> web.StreamResponse:
        if isinstance(result, Page | Excerpt):
            return page_response(result, request.rel_url)
        if isinstance(result, Download):
            return file_response(result)
        if isinstance(result, Stream):
            return await stream_response(result, request)
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
    limit: BodyLimit = attrgetter("max_body_bytes"),
    makes: tuple[str, ...] = (),
    changes: bool | None = None,
    media: tuple[str, ...] = ("application/json",),
    scheme: str | None = None,
) -> Callable[[Handle], Endpoint]:
    """Declare a handler as an endpoint. Every method except GET is mutating, unless `changes` is
    False."""

    def declare(handle: Handle) -> Endpoint:
        kinds = get_type_hints(handle, include_extras=True)
        answered = kinds.pop("return")
        reply, paged = _reply_type(answered)
        read_descriptions(reply)
        body, upload = _body_type(kinds.get("body"))
        parts: dict[str, Any] = {
            name: kind for name, kind in kinds.items() if name not in ("call", "body", "query")
        }
        if parts.keys() != set(PATH_PART.findall(path)):
            raise TypeError(f"{handle.__qualname__} takes {[*parts]} from {path}")
        kind, named = _named([*parts], body if not upload else None, path)
        path_model = create_model("Parts", __base__=Parts, **parts) if parts else None
        query = kinds.get("query")
        return Endpoint(
            method=method,
            path=PATH_PART.sub(r"{\1}", path),
            pattern=path,
            summary=summary,
            errors=errors,
            statuses=statuses,
            handle=handle,
            body=body,
            upload=upload,
            limit=limit,
            query=query,
            parts=path_model,
            reply=reply,
            paged=paged,
            mutating=method != "GET" if changes is None else changes,
            kind=kind,
            named=named,
            streamed=get_origin(answered) is Stream,
            links=makes,
            media=media,
            scheme=scheme,
            places=_places(path=path_model, query=query, body=body),
        )

    return declare


def mount(router: web.UrlDispatcher, *endpoints: Endpoint) -> None:
    """Add routes with and without a trailing slash, and HEAD for each GET. A path whose last
    parameter may contain slashes gets no second route: the parameter includes the trailing
    slash."""
    for declared in endpoints:
        bare = declared.pattern.rstrip("/")
        for path in (bare,) if bare.endswith(SPANNING) else (bare, bare + "/"):
            for method in ("GET", "HEAD") if declared.method == "GET" else (declared.method,):
                router.add_route(method, path, declared.respond, expect_handler=leave_expectation)


def _reply_type(answered: Any) -> tuple[Any, bool]:
    """Return the type of the body, and whether it is one page of a list."""
    kind = get_origin(answered)
    if answered is Rendered:
        return str, False
    if kind is Page:
        return GenericAlias(list, get_args(answered)), True
    if kind is Excerpt:
        return get_args(answered)[0], True
    return (get_args(answered)[0] if kind in (Reply, Download, Stream) else answered), False


def _body_type(taken: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the type of the body, and whether the handler reads it itself."""
    return (get_args(taken)[0], True) if get_origin(taken) is Upload else (taken, False)


def _named(
    parts: Sequence[str], body: type[BaseModel] | None, path: str
) -> tuple[str, tuple[str, str] | None]:
    """Return the kind of resource that a request is about, and the input that names it, if any."""
    fields = () if body is None else body.model_fields
    for place, names in (("path", parts), ("body", fields)):
        for name in names:
            if name.removesuffix("_id") in SCALAR_KINDS:
                return name.removesuffix("_id"), (place, name)
    return next((part for part in path.split("/") if part in SCALAR_KINDS), "session"), None


def _places(**models: type[BaseModel] | None) -> Mapping[str, str]:
    return {
        name: place
        for place, model in models.items()
        if model is not None
        for name in model.model_fields
    }


async def _digest(content: bytes) -> bytes:
    return sha256(content).digest()


def _check_utf8(request: web.Request) -> None:
    """Raise Malformed for bytes that are not UTF-8: yarl would read them as their own escapes."""
    try:
        unquote_to_bytes(request.raw_path).decode()
    except UnicodeError:
        raise Malformed("the address is not UTF-8") from None


def _check_once_each(query: MultiMapping[str]) -> None:
    names = {*query}
    if len(names) < len(query):
        twice = sorted(name for name in names if len(query.getall(name)) > 1)
        raise Invalid(
            *(
                FieldFault(loc=["query", name], msg="given twice", type="given_twice")
                for name in twice
            )
        )


def _from_text(
    model: type[SchemaType],
    values: Mapping[str, str],
    place: str,
    elsewhere: Mapping[str, str] | None = None,
) -> SchemaType:
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise invalid(error, model, place, elsewhere) from None


def _from_json(model: type[SchemaType], content: bytes, elsewhere: Mapping[str, str]) -> SchemaType:
    check_size(content)
    try:
        read = model.model_validate_json(content)
        check_content(content)
        return read
    except ValidationError as error:
        refused = invalid(error, model, "body", elsewhere)
    if refused.faults[0]["type"] == "json_invalid":
        raise Malformed(refused.faults[0]["msg"])
    raise refused
