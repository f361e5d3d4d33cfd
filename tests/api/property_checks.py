"""What schemathesis is to check beside its own checks; loaded by its command."""

import secrets
from itertools import cycle, islice
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response

NOT_IN_THE_DOCUMENT = ("embedding", "vector", "model_name")
"""In names of fields: lengths are for a session to say, models for the server's embedder."""


REASONS = (
    "holds no word",
    "numbers, this session holds",
    "came with another body before",
    "take out of a URL",
)
"""Of a keyword; of a text where the session's vectors are not the embedder's; of an Idempotency-Key
that requests before had; of a new user's id, or a key in a path, that a proxy would rewrite."""

DIMENSION = 384
"""Of sessions that name no other."""


@schemathesis.hook
def map_body(context: HookContext, body: Any) -> Any:
    """Vectors, as they come, mostly have the length of no session: half of them get one."""
    for name in ("embedding", "q_embedding", "message_embedding", "response_embedding"):
        numbers = body.get(name) if isinstance(body, dict) else None
        if isinstance(numbers, list) and len(numbers) % 2:
            body[name] = [*islice(cycle(numbers), DIMENSION)]
    return body


@schemathesis.hook
def map_headers(context: HookContext, headers: Any) -> Any:
    """Most generated keys are short, and came before: half of them get to be new."""
    key = headers.get("Idempotency-Key") if headers else None
    if key and len(key) % 2:
        headers["Idempotency-Key"] = secrets.token_hex(16)
    return headers


@schemathesis.check
def what_fits_the_document_is_taken(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """But for what only a session or the embedder can know, and a keyword without a word."""
    meta = case.meta
    if response.status_code != 422 or meta is None or not meta.generation.mode.is_positive:
        return
    for fault in response.json()["detail"]:
        path = ".".join(map(str, fault["loc"]))
        ours = any(part in path for part in NOT_IN_THE_DOCUMENT) or any(
            reason in fault["msg"] for reason in REASONS
        )
        assert ours, f"fits the document and is refused: {path}: {fault['msg']}"


@schemathesis.check
def a_list_calls_nothing_malformed_but_its_cursor(
    ctx: CheckContext, response: Response, case: Case[Any]
) -> None:
    """A cursor may fit the pattern and be none that the server gave."""
    meta = case.meta
    if response.status_code != 400 or meta is None or not meta.generation.mode.is_positive:
        return
    if case.operation.method.upper() == "GET":
        assert response.json()["detail"].startswith("cursor is not one that this server gave")
