"""What schemathesis is to check beside its own checks; loaded by its command."""

from itertools import cycle, islice
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response

NOT_IN_THE_DOCUMENT = ("embedding", "vector", "model_name")
"""In names of fields: lengths are for a session to say, models for the server's embedder."""


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


@schemathesis.check
def what_fits_the_document_is_taken(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """But for what only a session or the embedder can know, and a keyword without a word."""
    meta = case.meta
    if response.status_code != 422 or meta is None or not meta.generation.mode.is_positive:
        return
    for fault in response.json()["detail"]:
        path = ".".join(map(str, fault["loc"]))
        ours = any(part in path for part in NOT_IN_THE_DOCUMENT) or "holds no word" in fault["msg"]
        assert ours, f"fits the document and is refused: {path}: {fault['msg']}"
