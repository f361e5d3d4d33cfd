"""What the server can do, over hot sessions, intake, storage and the embedder."""

from semvec.service.service import Service, open_service

__all__ = ["Service", "open_service"]
