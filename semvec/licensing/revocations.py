"""Tokens that are refused although they are signed and in time."""

from collections.abc import Collection


class Revocations:
    """The ids (`jti`) of revoked tokens, as far as this process knows by now."""

    def __init__(self) -> None:
        self._ids: Collection[str] = frozenset()

    def __contains__(self, jti: str | None) -> bool:
        """A token without an id cannot be revoked."""
        return jti in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def replace(self, ids: Collection[str]) -> None:
        self._ids = ids
