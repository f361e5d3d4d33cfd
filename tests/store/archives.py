"""Sessions whose archive is known."""

from collections.abc import Mapping

from semvec.store import Append, ArchivedRow, MemoryRow, Store
from tests.store.lines import append as appended


async def archive(store: Store, contents: Mapping[int, tuple[str, ...]]) -> int:
    """A session whose archive holds memories with these terms; the payload is the id."""
    head = await store.create("o", "s", 0.0, b"created")
    assert head is not None
    rows = tuple(
        ArchivedRow(MemoryRow(id_, f"hash{id_ % 7}", b"fold%d" % (id_ % 5), b"%d" % id_), terms)
        for id_, terms in contents.items()
    )
    assert await appended(store, Append(head.key, 1, (b"archived",), 1.0, 1, 1, archived=rows))
    return head.key
