"""What the server can do, over hot sessions, intake, storage and the embedder."""

from semvec.hot.effect import Effect, Receipt, doing
from semvec.service.repeats import Answer, Asked
from semvec.service.service import Service, open_service

__all__ = ["Answer", "Asked", "Effect", "Receipt", "Service", "doing", "open_service"]
