"""The file of a database goes away, is replaced, or has another name."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from semvec.errors import Unavailable
from semvec.store import Append, Head, Store, StoreError
from semvec.store.errors import Misplaced
from semvec.store.sqlite import Deferred, _commit, _connect
from semvec.store.sqlite_file import SqliteFile

Change = Callable[[Path], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a database, in a folder of its own."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "semvec.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    store = Store(f"sqlite:///{path}")
    await store.open()
    yield store
    await store.close()


async def created(store: Store, name: str = "s") -> Head:
    head = await store.create("o", name, 0.0, b"created")
    assert head is not None
    return head


async def ready_again(store: Store) -> None:
    """Wait until the store has shown by itself that it commits."""
    async with asyncio.timeout(20):
        while store.committing.fault:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await store.ping()


def move_away(path: Path) -> None:
    path.rename(path.with_name("away.db"))


def move_back(path: Path) -> None:
    path.with_name("away.db").replace(path)


def move_folder_away(path: Path) -> None:
    path.parent.rename(path.parent.with_name("away"))


def replace_folder(path: Path) -> None:
    move_folder_away(path)
    shutil.copytree(path.parent.with_name("away"), path.parent)


def move_folder_back(path: Path) -> None:
    if path.parent.exists():
        shutil.rmtree(path.parent)
    path.parent.with_name("away").rename(path.parent)


def replace(path: Path) -> None:
    move_away(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE another (id INTEGER)")


def copy_over(path: Path) -> None:
    """As editors and restorers do: a copy of the same contents takes the name."""
    move_away(path)
    shutil.copy(path.with_name("away.db"), path)


@pytest.mark.parametrize(
    ("change", "undo", "told"),
    [
        (move_away, move_back, "is not at its path any more"),
        (replace, move_back, "another file is at the path"),
        (copy_over, move_back, "another file is at the path"),
        (move_folder_away, move_folder_back, "is not at its path any more"),
        (replace_folder, move_folder_back, "another file is at the path"),
    ],
)
async def test_no_change_is_acknowledged_while_the_file_is_not_in_its_place(
    store: Store, path: Path, change: Change, undo: Change, told: str
) -> None:
    head = await created(store)
    await asyncio.to_thread(change, path)
    for number in range(3):
        with pytest.raises(Unavailable, match=told) as refused:
            await store.create("o", f"lost {number}", 0.0, b"created")
        assert str(path.parent) not in str(refused.value)
    assert told in store.committing.fault
    with pytest.raises(Unavailable, match=told):
        await store.ping()
    await asyncio.to_thread(undo, path)
    await ready_again(store)
    assert await store.append(Append(head.key, 1, (b"event",), 0.0, 0, 0, line=head.line))
    assert [each.session_id for each in await store.heads("o", limit=9, before=None)] == ["s"]


async def test_a_file_that_is_gone_is_noticed_without_a_change(store: Store, path: Path) -> None:
    await store.ping()
    await asyncio.to_thread(path.unlink)
    with pytest.raises(Unavailable, match="is not at its path any more"):
        await store.ping()


async def test_no_file_is_made_where_the_database_was(store: Store, path: Path) -> None:
    await created(store)
    for each in path.parent.glob("semvec.db*"):
        each.unlink()
    with pytest.raises(Unavailable):
        await created(store, "lost")
    await asyncio.gather(*(store.heads("o", limit=9, before=None) for _ in range(20)),
                         return_exceptions=True)  # fmt: skip
    assert list(path.parent.iterdir()) == []


def test_a_file_that_goes_during_the_commit_is_noticed_after_it(path: Path) -> None:
    path.touch()
    file = SqliteFile(str(path))
    with closing(_connect(file)) as connection:
        connection.execute("CREATE TABLE gone (at TEXT)")
        connection.create_function("move_away", 0, lambda: move_away(path))
        late = Deferred(
            "BEGIN IMMEDIATE", [("INSERT INTO gone SELECT move_away() LIMIT ?", [(1,)])]
        )
        with pytest.raises(Misplaced):
            _commit(connection, late, file)
        assert connection.execute("SELECT count(*) FROM gone").fetchone() == (1,)


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
async def test_a_lost_log_loses_nothing_and_comes_back_by_itself(
    store: Store, path: Path, suffix: str
) -> None:
    head = await created(store)
    readers = [store.heads("o", limit=9, before=None) for _ in range(20)]
    await asyncio.gather(*readers)  # several connections have it open
    path.with_name(path.name + suffix).unlink()
    with pytest.raises(Unavailable, match="the log or the index of the database was removed"):
        await store.append(Append(head.key, 1, (b"refused",), 0.0, 0, 0, line=head.line))
    await ready_again(store)
    assert await store.append(Append(head.key, 1, (b"event",), 0.0, 0, 0, line=head.line))
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert other.execute("SELECT seq FROM sessions").fetchall() == [(2,)]
        assert other.execute("SELECT payload FROM events").fetchall()[-1] == (b"event",)


async def test_a_lost_log_waits_for_whoever_still_reads_from_it(store: Store, path: Path) -> None:
    head = await created(store)
    async with store.open_reader("o", "s") as whole:
        assert whole is not None
        path.with_name(path.name + "-wal").unlink()
        for _ in range(3):
            with pytest.raises(Unavailable):
                await store.append(Append(head.key, 1, (b"refused",), 0.0, 0, 0, line=head.line))
        assert [page async for page in whole.archive()] == []
    await ready_again(store)
    assert await store.append(Append(head.key, 1, (b"event",), 0.0, 0, 0, line=head.line))


async def test_what_was_moved_with_its_log_left_behind_is_whole(store: Store, path: Path) -> None:
    await created(store)
    move_away(path)
    await store.close()
    with closing(sqlite3.connect(path.with_name("away.db"))) as moved:
        assert moved.execute("SELECT session_id FROM sessions").fetchall() == [("s",)]


@pytest.mark.parametrize("link", [os.symlink, os.link])
async def test_other_names_of_a_database_in_use_are_refused(
    store: Store, path: Path, tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    link(path, tmp_path / "link.db")
    with pytest.raises(StoreError, match="in use by another server"):
        await Store(f"sqlite:///{tmp_path}/link.db").open()
    with pytest.raises(StoreError, match="in use by another server"):
        await Store(f"sqlite:///{tmp_path}/link.db", shared=True).open()
    await created(store)


@pytest.mark.parametrize("made", [True, False])
async def test_a_link_opens_what_it_points_to(path: Path, tmp_path: Path, made: bool) -> None:
    if made:
        store = Store(f"sqlite:///{path}")
        await store.open()
        await store.close()
    (tmp_path / "link.db").symlink_to(path)
    store = Store(f"sqlite:///{tmp_path}/link.db")
    await store.open()
    await created(store)
    names = {"semvec.db", "semvec.db-shm", "semvec.db-wal", "semvec.db.lock"}
    assert set(os.listdir(path.parent)) == names
    assert set(os.listdir(tmp_path)) == {"data", "link.db"}
    await store.close()


async def test_a_link_that_is_turned_to_another_file_is_noticed(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    store = Store(f"sqlite:///{link}")
    await store.open()
    await created(store)
    link.unlink()
    link.symlink_to(tmp_path / "other.db")
    with pytest.raises(Unavailable, match="is not at its path any more"):
        await created(store, "lost")
    (tmp_path / "other.db").touch()
    with pytest.raises(Unavailable, match="another file is at the path"):
        await created(store, "lost")
    link.unlink()
    link.symlink_to(path)
    await ready_again(store)
    await created(store, "kept")
    await store.close()


async def test_a_log_without_its_database_is_not_thrown_away(path: Path) -> None:
    store = Store(f"sqlite:///{path}")
    await store.open()
    await created(store)
    shutil.copytree(path.parent, path.parent.with_name("crashed"))
    await store.close()
    crashed = path.parent.with_name("crashed") / path.name
    move_away(crashed)
    with pytest.raises(StoreError, match=r"missing or empty, but .*-wal holds commits"):
        await Store(f"sqlite:///{crashed}").open()
    move_back(crashed)
    store = Store(f"sqlite:///{crashed}")
    await store.open()
    assert await store.head("o", "s") is not None
    await store.close()


async def test_several_names_are_warned_of(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(path.touch)
    os.link(path, tmp_path / "link.db")
    store = Store(f"sqlite:///{path}")
    await store.open()
    await store.close()
    assert "has 2 names" in caplog.text
