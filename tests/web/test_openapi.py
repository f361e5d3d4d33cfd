import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from semvec.paging import cursor_of
from semvec.web.examples import BODY_EXAMPLES
from semvec.web.middleware.route_info import PUBLIC
from semvec.web.openapi import describe
from semvec.web.routes import ENDPOINTS
from semvec.web.schemas.fields import CURSOR
from tests.web.conftest import Client


@pytest.fixture
async def document(client: Client) -> dict[str, Any]:
    answer = await client.get("/openapi.json")
    body: dict[str, Any] = await answer.json()
    return body


def test_it_is_valid_openapi(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == "3.1.0"


def test_it_describes_every_endpoint_once(document: dict[str, Any]) -> None:
    operations = [
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    ]
    assert sorted(operations) == sorted((each.method, each.path) for each in ENDPOINTS)
    assert ("DELETE", "/v1/session/{session_id}/entities/{key}") in operations
    names = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    assert len(set(names)) == len(ENDPOINTS)


def test_bodies_carry_the_bounds_that_are_enforced(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["RunRequest"]
    assert schema["required"] == ["message"]
    threshold = {"type": "number", "default": 0.85, "minimum": -1.0, "maximum": 1.0}
    assert schema["properties"]["short_circuit_threshold"].items() >= threshold.items()
    assert document["paths"]["/v1/run"]["post"]["requestBody"]["required"]
    assert not document["paths"]["/v1/session/create"]["post"]["requestBody"]["required"]


def test_parameters_carry_the_bounds_that_are_enforced(document: dict[str, Any]) -> None:
    parameters = document["paths"]["/v1/state/context"]["get"]["parameters"]
    assert {
        "name": "top_k",
        "in": "query",
        "description": "Most memories in the answer.",
        "required": False,
        "schema": {"type": "integer", "default": 5, "minimum": 1, "maximum": 50},
    } in parameters
    assert [each["name"] for each in parameters if each["required"]] == ["session_id"]
    path = document["paths"]["/v1/session/{session_id}/memories/{memory_hash}"]["get"]
    assert [(each["name"], each["in"]) for each in path["parameters"]] == [
        ("session_id", "path"),
        ("memory_hash", "path"),
    ]


def described(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Everything that needs a description: schemas, fields, parameters, answers, headers."""
    for name, schema in document["components"]["schemas"].items():
        yield name, "", schema
        yield from ((name, field, part) for field, part in schema.get("properties", {}).items())
    for methods in document["paths"].values():
        for one in methods.values():
            name = one["operationId"]
            for parameter in one.get("parameters", ()):
                yield name, parameter["name"], parameter
            for status, answer in one["responses"].items():
                yield name, status, answer
                for header, part in answer.get("headers", {}).items():
                    yield name, header, part


def test_every_field_parameter_and_answer_says_what_it_is(document: dict[str, Any]) -> None:
    found = [*described(document)]
    assert len(found) > 1000
    phrases = {HTTPStatus(int(status)).phrase for _, status, _ in found if status.isdigit()}
    silent = [
        (owner, name)
        for owner, name, part in found
        if len(part.get("description", "")) < 10 or part["description"] in phrases
    ]
    assert silent == []


def test_no_default_is_null(document: dict[str, Any]) -> None:
    assert [found for found in described(document) if found[2].get("default", 1) is None] == []
    parameters = [
        parameter["schema"]
        for methods in document["paths"].values()
        for one in methods.values()
        for parameter in one.get("parameters", ())
    ]
    assert [each for each in parameters if each.get("default", 1) is None] == []


def test_unknown_fields_are_refused_in_the_document_too(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in {declared.body.__name__ for declared in ENDPOINTS if declared.body}:
        assert schemas[name]["additionalProperties"] is False


def test_every_body_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    bodies = {
        one["operationId"]: one["requestBody"]["content"]["application/json"]
        for methods in document["paths"].values()
        for one in methods.values()
        if "requestBody" in one
    }
    assert len(bodies) >= 20
    assert bodies.keys() == BODY_EXAMPLES.keys()
    for content in bodies.values():
        schema = content["schema"] | {"components": document["components"]}
        jsonschema_rs.validator_for(schema).validate(content["example"])


def test_errors_have_one_shape_and_422_the_list(document: dict[str, Any]) -> None:
    responses = document["paths"]["/v1/run"]["post"]["responses"]
    schemas = {
        status: response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for status, response in responses.items()
    }
    assert schemas.pop("200") == "Run"
    assert schemas.pop("422") == "ValidationError"
    assert schemas.pop("503") == "Undone"
    assert schemas.keys() >= {"400", "401", "402", "404", "409", "413", "429", "default"}
    assert responses["429"]["headers"].keys() == {"Retry-After"}
    assert set(schemas.values()) == {"Error"}


def test_only_public_paths_go_without_a_token(document: dict[str, Any]) -> None:
    open_paths = {
        path
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if operation.get("security") in ([], [{"operator": []}])
    }
    assert open_paths == PUBLIC
    assert document["paths"]["/metrics"]["get"]["security"] == [{"operator": []}]
    assert document["security"] == [{"bearer": []}, {"apiKey": []}]


def test_a_page_documents_its_headers(document: dict[str, Any]) -> None:
    response = document["paths"]["/v1/session/"]["get"]["responses"]["200"]
    assert response["headers"].keys() == {"Link", "X-Next-Cursor", "X-Total-Estimate"}
    assert response["content"]["application/json"]["schema"]["type"] == "array"


def test_the_same_endpoints_give_the_same_document() -> None:
    assert describe(ENDPOINTS, PUBLIC) == describe(ENDPOINTS, PUBLIC)


def test_what_an_answer_makes_leads_on_to_what_takes_it(document: dict[str, Any]) -> None:
    made = document["paths"]["/v1/session/create"]["post"]["responses"]["200"]["links"]
    takers = {
        operation["operationId"]
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if path.startswith("/v1/session/{session_id}") and path.count("{") == 1
    } - {"delete_entity"}  # wants a key too
    assert made.keys() >= takers | {"run", "store", "get_context", "post_context"}
    session = "$response.body#/session_id"
    assert made["get_metrics"] == {
        "operationId": "get_metrics",
        "parameters": {"session_id": session},
    }
    assert made["run"] == {"operationId": "run", "requestBody": {"session_id": session}}
    stored = document["paths"]["/v1/store"]["post"]["responses"]["200"]["links"]
    assert stored["get_memory"]["parameters"] == {
        "session_id": "$request.body#/session_id",
        "memory_hash": "$response.body#/memory_hash",
    }
    kept = document["paths"]["/v1/session/{session_id}/entities"]["post"]["responses"]["201"]
    for name in ("remove_entity", "delete_entity"):
        assert kept["links"][name]["parameters"] == {
            "session_id": "$request.path.session_id",
            "key": "$response.body#/key",
        }


def test_every_list_takes_the_same_cursors(document: dict[str, Any]) -> None:
    cursors = [
        parameter["schema"]["anyOf"][0]
        for methods in document["paths"].values()
        for operation in methods.values()
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "cursor"
    ]
    assert len(cursors) >= 7
    assert all(each == {"type": "string", "pattern": CURSOR} for each in cursors)
    for position in (0, 1, 2**40, 2**63 - 1):
        assert re.search(CURSOR, cursor_of(position))
