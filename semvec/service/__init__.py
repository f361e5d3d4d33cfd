"""What the server can do, over hot sessions, intake, storage and the embedder."""

from semvec.service.repeats import Answer, Asked
from semvec.service.service import Service, open_service
from semvec.store import Effect, Receipt, doing

__all__ = ["Answer", "Asked", "Effect", "Receipt", "Service", "doing", "open_service"]
