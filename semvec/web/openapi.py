"""The OpenAPI 3.1 document, generated from the endpoints."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from http import HTTPStatus
from inspect import getdoc
from types import GenericAlias, MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from semvec import __version__
from semvec.web.descriptions import field_descriptions, read_descriptions
from semvec.web.endpoint import Endpoint
from semvec.web.examples import BODY_EXAMPLES, PARAMETERS
from semvec.web.idempotency import IDEMPOTENCY_HEADER, REPLAYED
from semvec.web.schemas.errors import Error, Undone, ValidationError
from semvec.web.stream import EVENT_STREAM, LAST_EVENT_ID

Schema = dict[str, Any]
Bodies = dict[tuple[Any, JsonSchemaMode], Schema]

COMPONENTS = "#/components/schemas/{model}"
ERROR = {"$ref": COMPONENTS.format(model=Error.__name__)}
UNDONE = {"$ref": COMPONENTS.format(model=Undone.__name__)}
VALIDATION_ERROR = {"$ref": COMPONENTS.format(model=ValidationError.__name__)}
PAGING_HEADERS: Schema = {
    "Link": {
        "description": 'the next page, relative to this one, as `rel="next"`',
        "schema": {"type": "string"},
    },
    "X-Next-Cursor": {"description": "`cursor` of the next page", "schema": {"type": "string"}},
    "X-Total-Estimate": {"description": "items on all pages", "schema": {"type": "integer"}},
}
RETRY_HEADERS: Schema = {
    "Retry-After": {
        "description": "seconds until there is room for one more request",
        "schema": {"type": "integer"},
    }
}
RESUMING: Schema = {
    "name": LAST_EVENT_ID,
    "in": "header",
    "description": "`id` of the last event that the client has; what came after it is sent first",
    "required": False,
    "schema": {"type": "string", "pattern": "^[0-9]{0,18}$"},
}


IDEMPOTENCY_KEY: Schema = {
    "name": IDEMPOTENCY_HEADER,
    "in": "header",
    "description": "Made up by the client for this request: however often it comes with the same "
    "key and body within a day, it is carried out once and answered alike. 1 to 255 visible ASCII "
    "characters, quoted or not.",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~][!-~]*$"},
}
REPLAYED_HEADERS: Schema = {
    REPLAYED: {
        "description": "`true` where the answer is that to an earlier request with the same key",
        "schema": {"type": "string", "const": "true"},
    }
}


NOT_VALID = "A field is missing, unknown, of the wrong kind or out of range."
ERRORS: Mapping[int, str] = MappingProxyType(
    {
        400: "The request cannot be read: its body is no JSON, or a header is not valid.",
        401: "There is no licence token, or it is not valid.",
        402: "The licence token has expired; the text says where to renew it.",
        404: "Something is not there, or not yours; the text says what.",
        409: "The state of things does not allow it; the text says why.",
        413: "The body is over the limit.",
        415: "The `Content-Encoding` or the media type of the body is not understood.",
        422: NOT_VALID,
        429: "Over a rate limit; `Retry-After` says when there is room again.",
        503: "The server cannot do this now; `Retry-After` says when to try again.",
    }
)
"""Descriptions of error statuses."""

read_descriptions(Error)
read_descriptions(Undone)
read_descriptions(ValidationError)


class _Plain(GenerateJsonSchema):
    """Describe the fields of dataclasses. Omit titles that repeat the field's name, and defaults of
    null, which make fields required in generated types."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> Schema:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def dataclass_schema(self, schema: Any) -> Schema:
        made = super().dataclass_schema(schema)
        fields = made.get("properties", {})
        for name, description in field_descriptions(schema["cls"]).items():
            if name in fields:
                fields[name].setdefault("description", description)
        return made


def describe(endpoints: Sequence[Endpoint], public: Container[str]) -> Schema:
    """Return the document. `public` holds the paths that need no token."""
    bodies, components = _schemas(endpoints)
    paths: Schema = {}
    for declared in endpoints:
        operation = _operation(declared, bodies, declared.path in public)
        paths.setdefault(declared.path, {})[declared.method.lower()] = operation
    for declared in endpoints:
        if links := dict(_links(declared, endpoints)):
            answer = paths[declared.path][declared.method.lower()]["responses"]
            answer[str(declared.statuses[0])]["links"] = links
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "semvec",
            "version": __version__,
            "description": "Semantic memory for LLM agents. A field or parameter that is not "
            "listed is refused, with its name.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"bearer": []}, {"apiKey": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "operator": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _schemas(endpoints: Sequence[Endpoint]) -> tuple[Bodies, Schema]:
    """Return the schemas of bodies by endpoint and mode, and the components they refer to."""
    inputs: list[tuple[Any, JsonSchemaMode, TypeAdapter[Any]]] = [
        (Error, "serialization", TypeAdapter(Error)),
        (Undone, "serialization", TypeAdapter(Undone)),
        (ValidationError, "serialization", TypeAdapter(ValidationError)),
    ]
    for declared in endpoints:
        inputs.append((declared, "serialization", TypeAdapter(declared.reply)))
        if declared.body is not None:
            inputs.append((declared, "validation", TypeAdapter(declared.body)))
    bodies, document = TypeAdapter.json_schemas(
        inputs, ref_template=COMPONENTS, schema_generator=_Plain
    )
    return bodies, document["$defs"]


def _operation(declared: Endpoint, bodies: Bodies, public: bool) -> Schema:
    operation: Schema = {
        "operationId": declared.handle.__name__,
        "tags": [declared.handle.__module__.rpartition(".")[2]],
        "summary": declared.summary,
        "responses": _responses(declared, bodies[declared, "serialization"], public),
    }
    if declared.handle.__doc__:
        operation["description"] = declared.handle.__doc__
    parameters = [*_parameters(declared.parts, "path"), *_parameters(declared.query, "query")]
    if declared.idempotent:
        parameters.append(IDEMPOTENCY_KEY)
    if declared.streamed:
        parameters.append(RESUMING)
    if parameters:
        operation["parameters"] = parameters
    if declared.body is not None:
        content = _json(bodies[declared, "validation"])
        if (example := BODY_EXAMPLES.get(declared.handle.__name__)) is not None:
            content["application/json"]["example"] = example
        operation["requestBody"] = {"required": declared.body_required, "content": content}
    if public:
        operation["security"] = [{declared.scheme: []}] if declared.scheme else []
    return operation


def _parameters(model: type[BaseModel] | None, place: str) -> Iterator[Schema]:
    if model is None:
        return
    schema = model.model_json_schema(schema_generator=_Plain)
    for name, field in schema["properties"].items():
        required = name in schema.get("required", ())
        description = field.pop("description", "")
        parameter = {
            "name": name,
            "in": place,
            "description": description,
            "required": required,
            "schema": field,
        }
        if required and name in PARAMETERS:
            parameter["example"] = PARAMETERS[name]
        yield parameter


def _links(maker: Endpoint, endpoints: Sequence[Endpoint]) -> Iterator[tuple[str, Schema]]:
    """Yield links to operations whose inputs are known from this operation's answer."""
    known = dict.fromkeys(_names(maker.parts), "$request.path.{}")
    known |= dict.fromkeys(_names(maker.body), "$request.body#/{}")
    known |= dict.fromkeys(maker.links, "$response.body#/{}")
    for taker in endpoints:
        parameters = [*_names(taker.parts), *_required(taker.query)]
        body = [name for name in _names(taker.body) if name in maker.links]
        wanted = {*parameters, *body}
        if taker is maker or not wanted & {*maker.links} or not wanted <= known.keys():
            continue
        link: Schema = {"operationId": taker.handle.__name__}
        if parameters:
            link["parameters"] = {name: known[name].format(name) for name in parameters}
        if body:
            link["requestBody"] = {name: known[name].format(name) for name in body}
        yield taker.handle.__name__, link


def _names(model: type[BaseModel] | None) -> Sequence[str]:
    return () if model is None else [*model.model_fields]


def _required(model: type[BaseModel] | None) -> Sequence[str]:
    fields = {} if model is None else model.model_fields
    return [name for name, field in fields.items() if field.is_required()]


def _responses(declared: Endpoint, body: Schema, public: bool) -> Schema:
    contents = dict.fromkeys(_error_statuses(declared, public), _json(ERROR))
    if 422 in contents:
        contents[422] = _json(VALIDATION_ERROR)
    if declared.mutating:
        contents[503] = _json(UNDONE)
    for status in declared.statuses:
        contents[status] = {kind: {"schema": body} for kind in declared.media}
    meanings = {**ERRORS, **dict.fromkeys(declared.statuses, _meaning(declared))}
    responses: Schema = {
        str(status): {
            "description": meanings.get(status, HTTPStatus(status).phrase),
            "content": content,
        }
        for status, content in sorted(contents.items())
    }
    if declared.streamed:
        responses["200"] = {
            "description": "Server-sent events, the `data` of each in this form.",
            "content": {EVENT_STREAM: {"schema": body}},
        }
    if declared.paged:
        responses[str(declared.statuses[0])]["headers"] = PAGING_HEADERS
    if declared.idempotent:
        responses[str(declared.statuses[0])]["headers"] = REPLAYED_HEADERS
    if "429" in responses:
        responses["429"]["headers"] = RETRY_HEADERS
    return responses | {"default": {"description": "Any other error.", "content": _json(ERROR)}}


def _meaning(declared: Endpoint) -> str:
    """Describe a successful answer: by its type's docstring, else by the operation's summary."""
    items = get_args(declared.reply) if isinstance(declared.reply, GenericAlias) else ()
    kind = items[0] if len(items) == 1 else declared.reply
    if not is_dataclass(kind):
        return f"{declared.summary}."
    said = (getdoc(kind) or declared.summary).replace("\n", " ")
    return f"One page of a list. Each item: {said}" if items else said


def _error_statuses(declared: Endpoint, public: bool) -> set[int]:
    """Return the error statuses that the endpoint's inputs imply, and those it declares."""
    statuses = set(declared.errors)
    if not public:
        statuses |= {401, 402, 429}
    if declared.body is not None:
        statuses |= {400, 413, 415, 422}
    if declared.streamed:
        statuses |= {400, 409, 503}
    if declared.idempotent:
        statuses |= {400, 409, 422}
    if declared.query is not None or declared.parts is not None:
        statuses.add(422)
    return statuses


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}
