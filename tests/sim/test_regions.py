"""A thousand random lives of a region under a seeded clock, each beside a model of it.

`SEMVEC_TEST_SEED=seed` repeats a run, `SEMVEC_TEST_SEED=seed:number` one life of it.
"""

import asyncio
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from semvec.errors import NotFound
from semvec.service import Service
from semvec.session import turn
from semvec.session.drift import Step
from semvec.store.cluster_queries import region, votes_of
from tests import coordination
from tests.services import HeldClock
from tests.sim.inline import inline

LIVES = 1000
STEPS = 8
PAUSES = (0.5, 1.0, 3.0, 7.0)
DRIFT = "drift"


@dataclass
class Model:
    """What a region is to be, by the letter of its rules."""

    threshold: float
    window_s: float
    attached: set[str] = field(default_factory=set)
    votes: dict[str, float] = field(default_factory=dict)
    version: int = 0
    last_realignment: float | None = None
    realignments: int = 0

    def review(self, now: float) -> None:
        fresh = {name for name, at in self.votes.items() if now < at + self.window_s}
        if self.attached and len(fresh & self.attached) / len(self.attached) > self.threshold:
            self.votes.clear()
            self.version += 1
            self.realignments += 1
            self.last_realignment = now


class Life:
    """One region of one owner, and its clusters; its choices follow from its seed alone."""

    def __init__(self, service: Service, clock: HeldClock, seed: str) -> None:
        self.service, self.clock, self.seed = service, clock, seed
        self.owner = f"owner-{seed}"
        self.chance = random.Random(seed)
        self.model = Model(
            threshold=self.chance.choice([0.0, 0.3, 0.5, 0.75, 1.0]),
            window_s=self.chance.choice([2.0, 10.0]),
        )
        self.alive: list[str] = []
        self.made = 0
        self.trace: list[str] = []

    async def begin(self) -> None:
        await coordination.region(
            self.service,
            owner=self.owner,
            threshold=self.model.threshold,
            window_s=self.model.window_s,
        )
        for _ in range(self.chance.randint(1, 4)):
            await self.attach(await self.create())

    async def step(self) -> None:
        ways = ["drift"] * 5 + ["talk", "attach", "detach", "delete", "create"]
        way = self.chance.choice(ways)
        if way == "create" or not self.alive:
            await self.attach(await self.create())
        else:
            await getattr(self, way)(self.chance.choice(self.alive))
        await self.check()

    async def create(self) -> str:
        self.made += 1
        name = f"c{self.made}"
        await coordination.cluster(self.service, name, self.owner)
        self.alive.append(name)
        return name

    async def attach(self, name: str) -> None:
        self.note(f"attach {name}")
        answer = await self.service.regions.attach(self.owner, "r", name)
        assert answer.added == (name not in self.model.attached), self.story
        self.model.version += answer.added
        self.model.attached.add(name)

    async def detach(self, name: str) -> None:
        self.note(f"detach {name}")
        if name in self.model.attached:
            assert (await self.service.regions.detach(self.owner, "r", name)).removed, self.story
        else:
            with pytest.raises(NotFound, match="is not in region"):
                await self.service.regions.detach(self.owner, "r", name)
        self.leave(name)

    async def delete(self, name: str) -> None:
        self.note(f"delete {name}")
        await self.service.clusters.delete(self.owner, name)
        self.alive.remove(name)
        self.leave(name)

    def leave(self, name: str) -> None:
        self.model.votes.pop(name, None)
        if name in self.model.attached:
            self.model.attached.remove(name)
            self.model.version += 1
            self.model.review(self.clock.now)

    async def talk(self, name: str) -> None:
        self.note(f"talk {name}")
        words = f"words {len(self.trace)}"
        answer = await coordination.talk(self.service, name, 0, words, self.owner)
        assert not answer.drift_detected, self.story

    async def drift(self, name: str) -> None:
        self.note(f"drift {name}")
        words = f"{DRIFT} {len(self.trace)}"
        answer = await coordination.talk(self.service, name, 0, words, self.owner)
        assert answer.drift_detected, self.story
        if name in self.model.attached:
            self.model.votes[name] = self.clock.now
            self.model.review(self.clock.now)

    async def check(self) -> None:
        found = await self.service.database.query(region, self.owner, "r")
        assert found is not None
        seen = found.last_realignment, found.version, found.clusters
        model = self.model
        expected = model.last_realignment, model.version, len(model.attached)
        assert seen == expected, self.story

    async def finish(self) -> None:
        found = await self.service.database.query(region, self.owner, "r")
        assert found is not None
        votes = await self.service.database.query(votes_of, found.key)
        now, model = self.clock.now, self.model
        fresh = sorted(at for at in model.votes.values() if now < at + model.window_s)
        assert sorted(at for _, at in votes if now < at + model.window_s) == fresh, self.story

    def note(self, what: str) -> None:
        self.trace.append(f"{self.clock.now:.1f} {what}")

    @property
    def story(self) -> str:
        lines = [f"SEMVEC_TEST_SEED={self.seed}", str(self.model), *self.trace]
        return "\n".join(lines)


@pytest.fixture(autouse=True)
def drifts_by_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """The detector hears a drift in a word, so that lives need no long talks."""

    def heard(state: object, x: object, said: object) -> Step:
        return Step(score=0.9, phase="drifted", detected=True) if said else Step()

    monkeypatch.setattr(turn, "cues", lambda text: text.startswith(DRIFT))
    monkeypatch.setattr(turn, "observe", heard)


async def lived(seed: int, numbers: Sequence[int]) -> list[Life]:
    """Lives side by side; each is the same alone."""
    clock, pauses = HeldClock(), random.Random(seed)
    async with inline(clock) as service:
        lives = [Life(service, clock, f"{seed}:{number}") for number in numbers]
        await asyncio.gather(*(life.begin() for life in lives))
        for _ in range(STEPS):
            clock.now += pauses.choice(PAUSES)
            await asyncio.gather(*(life.step() for life in lives))
            if pauses.random() < 0.3:
                await service._realigning.sweep()
        await asyncio.gather(*(life.finish() for life in lives))
    return lives


async def test_a_thousand_lives_of_a_region(capsys: pytest.CaptureFixture[str]) -> None:
    seed, _, number = os.environ.get("SEMVEC_TEST_SEED", "").partition(":")
    chosen = int(seed) if seed else random.getrandbits(32)
    lives = await lived(chosen, [int(number)] if number else range(LIVES))
    realigned = sum(life.model.realignments for life in lives)
    with capsys.disabled():
        print(f"\nseed {chosen}: {len(lives)} lives, {realigned} realignments as they should be")
    assert number or realigned > LIVES


async def test_a_seed_repeats_a_life() -> None:
    together = await lived(7, range(20))
    for number in (0, 13, 19):
        (alone,) = await lived(7, [number])
        assert alone.trace == together[number].trace
        assert alone.model == together[number].model
