"""Tokens that are refused although they are signed and in time."""

from collections.abc import Collection


class Revocations:
    """The `ids` (`jti`) of revoked tokens, as far as this process knows by now; a token without an
    id cannot be revoked."""

    def __init__(self) -> None:
        self.ids: Collection[str | None] = frozenset()

    def replace(self, ids: Collection[str]) -> None:
        self.ids = ids
