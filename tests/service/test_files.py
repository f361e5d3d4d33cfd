"""Imports and exports under way take so much room, and not more."""

import asyncio
from typing import BinaryIO

import pytest

from semvec.errors import Unavailable
from semvec.service.files import MAX_FILES, MAX_FILES_PER_OWNER, Files


async def test_nobody_has_more_files_than_his_share() -> None:
    files = Files()
    mine = [await files.open("ada") for _ in range(MAX_FILES_PER_OWNER)]
    with pytest.raises(Unavailable, match="too many imports and exports"):
        await files.open("ada")
    other = await files.open("eve")
    await asyncio.to_thread(mine[0].close)
    await asyncio.to_thread(mine[0].close)
    again = await files.open("ada")
    with pytest.raises(Unavailable):
        await files.open("ada")
    for file in (*mine, other, again):
        await asyncio.to_thread(file.close)


async def test_all_together_have_no_more_than_there_is_room_for() -> None:
    files = Files()
    taken = [await files.open(f"owner {number}") for number in range(MAX_FILES)]
    with pytest.raises(Unavailable):
        await files.open("one more")
    await asyncio.to_thread(taken.pop().close)
    taken.append(await files.open("one more"))
    for file in taken:
        await asyncio.to_thread(file.write, b"x")
        await asyncio.to_thread(file.close)


async def test_an_opening_that_is_cancelled_gives_its_place_back_once() -> None:
    files = Files()
    opening = asyncio.create_task(files.open("ada"))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    taken: list[BinaryIO] = []
    async with asyncio.timeout(10):
        while len(taken) < MAX_FILES_PER_OWNER:
            try:
                taken.append(await files.open("ada"))
            except Unavailable:
                await asyncio.sleep(0.01)
    with pytest.raises(Unavailable):
        await files.open("ada")
    for file in taken:
        await asyncio.to_thread(file.close)
