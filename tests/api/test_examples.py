"""What the document shows as examples is what the server takes."""

from pathlib import Path

from semvec.web.examples import BODY_EXAMPLES, VECTOR
from semvec.web.routes import ENDPOINTS
from tests.servers import serving

FIRST = (
    "create_session",
    "create_cluster",
    "create_region",
    "create_observer",
    "attach_cluster",
    "add_member",
)
"""What others build on."""
APART = {"import_session": 400}
"""Examples that a person completes first: an export is too long for one."""
WITH_VECTORS = {"set_anchor", "inject_memory"}
PARTS = {"session_id": "alice", "cluster_id": "support", "region_id": "europe", "user_id": "alice"}


async def test_every_example_is_answered_as_it_stands(sqlite_url: str, tmp_path: Path) -> None:
    declared = {each.handle.__name__: each for each in ENDPOINTS if each.body is not None}
    order = [*FIRST, *sorted(BODY_EXAMPLES.keys() - {*FIRST})]
    async with (
        serving(sqlite_url, tmp_path, SEMVEC_EMBEDDER="local") as server,
        server.client() as client,
    ):
        await client.post("/v1/session/create", session_id="bob")
        await client.post("/v1/session/create", session_id="robot", dimension=len(VECTOR))
        for name in order:
            session = "robot" if name in WITH_VECTORS else "alice"
            path = declared[name].path.format(**PARTS | {"session_id": session})
            ask = client.put if declared[name].method == "PUT" else client.post
            answer = await ask(path, **BODY_EXAMPLES[name])
            wanted = {APART[name]} if name in APART else {*declared[name].statuses}
            assert answer.status in wanted, (name, answer.body)
