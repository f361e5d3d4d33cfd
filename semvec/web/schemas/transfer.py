"""Requests that import or verify a whole session."""

from typing import Annotated, Any

from pydantic import Field

from semvec.web.schemas.fields import Body, Embedding


class ImportRequest(Body):
    """The answer of an export."""

    state_dict: dict[str, Any]
    """The session, as docs/export.md describes it."""
    session_id: str | None = None
    """The exported session; the path names the session to replace."""
    checksum: str | None = None
    """If given, it must equal the checksum in `state_dict`."""


class VerifyRequest(Body):
    """Queries for comparing a session with its stored copy."""

    test_embeddings: Annotated[list[Embedding], Field(max_length=64, fail_fast=True)]
    """Vectors to recall for, in the session and in its stored copy."""
