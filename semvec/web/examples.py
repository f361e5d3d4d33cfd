"""Examples in the OpenAPI document, for people to try and for tools to fill in.

Their common setting is Alice and a team that builds a billing service. A vector of three numbers
fits a session with `dimension` 3.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

VECTOR = [0.12, -0.05, 0.33]
QUESTION = "Which database did we choose for the billing service?"
ANSWER = "We chose PostgreSQL for the billing service, because two teams write to it."

BODY_EXAMPLES: Mapping[str, Any] = MappingProxyType(
    {
        "run": {"message": QUESTION},
        "store": {"session_id": "alice", "response": ANSWER},
        "create_session": {"session_id": "alice"},
        "post_context": {"session_id": "alice", "q": QUESTION, "top_k": 5},
        "import_session": {
            "state_dict": {"format": "semvec-session", "version": 1},
            "checksum": "5b66bd8a8b0ba1bb05c5a0a84cbcd9b3b0b9e3d1b7bb7c5c4d8a6a2b1e9f0c3d",
        },
        "verify_session": {"test_embeddings": []},
        "set_trigger": {"keyword": "billing"},
        "set_anchor": {"embedding": VECTOR},
        "set_isolation": {"level": "QUARANTINE"},
        "inject_memory": {"text": ANSWER, "embedding": VECTOR, "importance": 0.8},
        "put_entity": {
            "key": "billing/retries.py::MAX_RETRIES",
            "kind": "constant",
            "value": "MAX_RETRIES = 3",
            "context": "how often a failed payment is tried again",
        },
        "transfer": {"source_session_id": "alice", "target_session_id": "bob", "max_weight": 0.1},
        "switch_user": {"user_id": "alice"},
        "propose": {"proposer_session_id": "robot", "target_embedding": VECTOR},
        "create_observer": {"sample_interval_seconds": 60},
        "register_region": {"region_id": "europe"},
        "create_cluster": {"cluster_id": "support", "name": "Support team"},
        "add_member": {"session_id": "alice"},
        "store_in_cluster": {"message": QUESTION, "response": ANSWER},
        "run_in_cluster": {"message": QUESTION},
        "create_region": {"region_id": "europe", "name": "Europe"},
        "attach_cluster": {"cluster_id": "support"},
    }
)
"""Examples of request bodies, by `operationId`."""

PARAMETERS: Mapping[str, str] = MappingProxyType(
    {
        "session_id": "alice",
        "cluster_id": "support",
        "region_id": "europe",
        "user_id": "alice",
        "key": "billing/retries.py::MAX_RETRIES",
        "memory_hash": "9f86d081884c7d659a2feaa0c55ad015",
    }
)
"""Examples of required parameters, by name."""
