"""What sessions take: by part, as they count it, and as the process grows.

    python -m bench.memory [--sessions 20] [--turns 2000]

The texts have 20 words, the vectors come from the packaged model. The first table is one session
of the default size, full, in bytes a memory. The second sets what sessions count that learn side by
side against what the process has taken meanwhile.
"""

import argparse
import asyncio
import random
from collections.abc import Sequence

import psutil

from bench.text import text
from semvec.embed.factory import open_embedder
from semvec.kernels.arena import Arena
from semvec.session.events import Profile, SessionCreated
from semvec.session.session import Session
from semvec.session.tiers import MEDIUM_TERM, SHORT_TERM
from semvec.session.turn import EncodedText, decide_turn, plan_turn

POOL, BATCH = 2048, 64
LONG_TERM = 4096


async def encoded(chance: random.Random) -> tuple[list[EncodedText], Profile]:
    """Texts with their vectors, and the profile of sessions that learn them."""
    embedder = open_embedder("local")
    assert embedder is not None
    await embedder.start()
    pool: list[EncodedText] = []
    while len(pool) < POOL:
        texts = [text(chance) for _ in range(BATCH)]
        encodings = await embedder.encode(texts)
        pool += [
            EncodedText(words, each.vector, each.tokens)
            for words, each in zip(texts, encodings, strict=True)
        ]
    await embedder.close()
    sizes = embedder.dimension, embedder.token_dimension
    return pool, Profile(sizes[0], embedder.model_name, LONG_TERM, token_dimension=sizes[1])


def learn(sessions: Sequence[Session], pool: Sequence[EncodedText], turns: int) -> None:
    """So many different texts in each session, a minute apart, the sessions by turns."""
    for number in range(turns):
        for place, session in enumerate(sessions):
            known = pool[(number + 97 * place) % len(pool)]
            said = EncodedText(f"{known.text} {number}", known.vector, known.tokens)
            plan = plan_turn(session, response=said)
            cosines = session.memories.cosines(plan.queries)
            session.apply(decide_turn(session, plan, cosines, now=60.0 * number))


def parts(session: Session) -> dict[str, int]:
    """Bytes of a session."""
    memories = session.memories
    vectors = memories.vectors.nbytes
    counted = {
        "pooled vectors": vectors,
        "token vectors": memories.tokens.nbytes,
        "texts": memories.text_bytes,
        "words": memories.lexical.nbytes,
    }
    rest = session.nbytes - sum(counted.values())
    return counted | {"the rest": rest, "all": session.nbytes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--turns", type=int, default=2000)
    args = parser.parse_args()
    pool, profile = asyncio.run(encoded(random.Random(0)))

    full = Session(SessionCreated(0.0, profile), Arena(0))
    learn([full], pool, LONG_TERM + MEDIUM_TERM + SHORT_TERM + 500)
    for name, nbytes in parts(full).items():
        print(f"{name:<24}{nbytes / len(full.memories):>10.0f}")
    del full

    process = psutil.Process()
    before = process.memory_info().rss
    arena = Arena(0)
    sessions = [Session(SessionCreated(0.0, profile), arena) for _ in range(args.sessions)]
    learn(sessions, pool, args.turns)
    taken = process.memory_info().rss - before
    counted = sum(session.nbytes for session in sessions)
    print(f"\n{args.sessions} sessions of {args.turns} turns, MB")
    print(f"{'counted':<24}{counted / 1e6:>10.1f}\n{'taken':<24}{taken / 1e6:>10.1f}")


if __name__ == "__main__":
    main()
