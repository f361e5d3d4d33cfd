"""Revoked tokens: refused although their signature and times are valid."""

from collections.abc import Collection


class Revocations:
    """The `ids` (`jti`) of the revoked tokens that this process knows of. A token without an id
    cannot be revoked."""

    def __init__(self) -> None:
        self.ids: Collection[str | None] = frozenset()

    def replace(self, ids: Collection[str]) -> None:
        self.ids = ids
