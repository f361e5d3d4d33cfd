"""`semvec license revoke` and `revoked`: the list of revoked tokens, which running servers read."""

import time
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TypeAlias

from semvec.licensing.token import MAX_CLAIM_CHARS, segment
from semvec.settings import load_settings

Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"


def revoke_token(jti: str) -> int:
    _check(jti)
    from semvec.store.revoked import revoke  # imports SQLAlchemy, which is slow

    with _told_in_short():
        new = revoke(load_settings().database_url, jti, time.time())
    print(f"{jti} is revoked" if new else f"{jti} was revoked before")
    return 0


def list_revoked_tokens() -> int:
    from semvec.store.revoked import list_revoked

    with _told_in_short():
        revoked = list_revoked(load_settings().database_url)
    for jti, at in revoked:
        print(datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds"), jti)
    return 0


def add_revocation_commands(commands: Commands) -> None:
    revoke = commands.add_parser(
        "revoke",
        help="have servers refuse a token from now on",
        description="Writes into the database of DATABASE_URL, whose servers may be running; each "
        "of them refuses the token within seconds. There is no way back: issue another token.",
    )
    revoke.add_argument("jti", metavar="JTI", help="the token's id: semvec license show tells it")
    revoke.set_defaults(command=revoke_token)
    listed = commands.add_parser("revoked", help="list the ids of revoked tokens, oldest first")
    listed.set_defaults(command=list_revoked_tokens)


def _check(jti: str) -> None:
    if (named := _id_in(jti)) is not None:
        raise ValueError(f"JTI: that is a whole token, whose id is {named!r}")
    if not 1 <= len(jti) <= MAX_CLAIM_CHARS or not jti.isprintable():
        raise ValueError(f"JTI: must be 1 to {MAX_CLAIM_CHARS} printable characters")


def _id_in(token: str) -> object:
    with suppress(ValueError):
        return segment(token, 1).get("jti", "")
    return None


@contextmanager
def _told_in_short() -> Iterator[None]:
    from semvec.store.errors import StoreError

    try:
        yield
    except StoreError as error:
        raise ValueError(str(error)) from error
