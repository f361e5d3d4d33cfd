"""Requests that bring or check a whole session."""

from typing import Annotated, Any

from pydantic import Field

from semvec.web.schemas.fields import Body, Embedding


class ImportRequest(Body):
    """What an export answered."""

    state_dict: dict[str, Any]
    """The session, as docs/export.md describes it."""
    session_id: str | None = None
    """The session that was exported; the path says which one is replaced."""
    checksum: str | None = None
    """Has to be the one in `state_dict` where it is given."""


class VerifyRequest(Body):
    """What to recall for, in the session and in its copy."""

    test_embeddings: Annotated[list[Embedding], Field(max_length=64, fail_fast=True)]
    """Vectors to recall for, in the session and in a copy of it out of storage."""
