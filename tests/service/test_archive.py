"""Promise 26: what a session has no room for is found in the archive, and comes back from it."""

from collections.abc import AsyncIterator

import pytest

from semvec.embed.factory import open_embedder
from semvec.embed.protocol import Embedder
from semvec.service import Service
from tests import services
from tests.services import OWNER, HeldClock, running

FACTS = [
    (
        "Nadia: My greenhouse was delivered this morning.",
        "Omar: Four flights up, and nothing broke?",
        "What was delivered to Nadia?",
    ),
    (
        "Omar: I signed up for the pottery class on Harbour Street.",
        "Nadia: Tuesdays suit you, don't they?",
        "Which class did Omar sign up for?",
    ),
    (
        "Nadia: The vet says our cat Biscuit has to lose two kilos.",
        "Omar: No more cream for the poor thing, then.",
        "What did the vet say about Biscuit?",
    ),
    (
        "Omar: My brother sold his sailing boat to a dentist from Bergen.",
        "Nadia: He must have been heartbroken to let it go.",
        "Who bought the sailing boat of Omar's brother?",
    ),
    (
        "Nadia: I am reading a novel about lighthouse keepers in Iceland.",
        "Omar: Sounds chilly; lend it to me when you finish.",
        "What is Nadia's novel about?",
    ),
    (
        "Omar: The landlord wants eleven hundred for the flat from March on.",
        "Nadia: That is robbery for two damp rooms.",
        "How much does the landlord want for Omar's flat?",
    ),
    (
        "Nadia: My sister Lena got engaged to a trombone player.",
        "Omar: Will there be brass at the wedding?",
        "Who is Nadia's sister engaged to?",
    ),
    (
        "Omar: I burnt the lentil soup while I was on the telephone.",
        "Nadia: We could always order pizza instead.",
        "What did Omar burn?",
    ),
]
"""A remark, what the other one says to it without its words, and a question."""
CHATTER = [
    f"{speaker}: {opening} the {thing} {when}."
    for when in ("again", "all afternoon", "before noon", "by accident", "with the neighbours")
    for speaker, opening in (("Nadia", "I was thinking about"), ("Omar", "Let us talk about"))
    for thing in (
        *("bus timetable", "weather map", "crossword", "radio programme", "garden fence"),
        *("football score", "new bakery", "paint samples", "old staircase", "parking meter"),
    )
]


@pytest.fixture
async def embedder() -> AsyncIterator[Embedder]:
    embedder = open_embedder("local")
    assert embedder is not None
    await embedder.start()
    yield embedder
    await embedder.close()


async def told(service: Service, clock: HeldClock, session_id: str, long_term: int) -> list[str]:
    """The hashes of what is said about the facts, early on; then there is chatter."""
    await services.create(service, session_id, dimension=None, long_term_memories=long_term)
    remarks = [part for fact in FACTS for part in fact[:2]]
    script = ["Omar: Good evening, Nadia.", *remarks, *CHATTER]
    hashes = [await learn(service, clock, session_id, text) for text in script]
    return hashes[1 : 1 + len(remarks)]


async def learn(service: Service, clock: HeldClock, session_id: str, text: str) -> str:
    clock.now += 60.0
    stored = await service.conversation.store(
        OWNER, session_id=session_id, response=text, response_embedding=None
    )
    assert stored.memory_hash is not None
    return stored.memory_hash


async def recalled(service: Service, session_id: str, question: str) -> list[str]:
    context = await service.recall.context(
        OWNER,
        session_id=session_id,
        q=question,
        q_embedding=None,
        top_k=10,
        full_first=False,
        max_text_chars=500,
    )
    return [item.text for item in context.context]


async def share(service: Service, session_id: str) -> float:
    """Of all remarks and replies, those that their questions recall."""
    found = 0
    for remark, reply, question in FACTS:
        best = await recalled(service, session_id, question)
        found += (remark in best) + (reply in best)
    return found / (2 * len(FACTS))


async def test_promise_26_recall_hardly_suffers_where_most_lies_in_the_archive(
    database_url: str, embedder: Embedder
) -> None:
    clock = HeldClock()
    async with running(database_url, clock, embedder=embedder) as service:
        await told(service, clock, "roomy", 4096)
        await told(service, clock, "pressed", 1)
        assert (await service.sessions.metrics(OWNER, "pressed")).total_memories == 117
        assert await share(service, "pressed") >= await share(service, "roomy") - 0.05


async def test_an_archived_memory_is_found_and_comes_back_with_its_neighbour(
    database_url: str, embedder: Embedder
) -> None:
    clock = HeldClock()
    async with running(database_url, clock, embedder=embedder) as service:
        remark, reply, question = FACTS[3]
        hashes = (await told(service, clock, "s", 1))[6:8]
        head = await service.database.head(OWNER, "s")
        assert head is not None

        async def archived() -> list[bool]:
            found = [await service.database.archived_by_hash(head.key, each) for each in hashes]
            return [each is not None for each in found]

        assert await archived() == [True, True]
        best = await recalled(service, "s", question)
        assert best[0] == remark
        assert reply in best  # it shares no word with the question
        await learn(service, clock, "s", "Omar: Anyway, good night.")
        assert await archived() == [False, False]
        assert (await service.sessions.metrics(OWNER, "s")).total_memories == 118
