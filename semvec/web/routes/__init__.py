"""All endpoints, by what they are about."""

from semvec.web.routes import (
    audit,
    control,
    conversation,
    document,
    health,
    literals,
    sessions,
    state,
    transfer,
)

ENDPOINTS = (
    *health.ENDPOINTS,
    *conversation.ENDPOINTS,
    *sessions.ENDPOINTS,
    *state.ENDPOINTS,
    *transfer.ENDPOINTS,
    *control.ENDPOINTS,
    *literals.ENDPOINTS,
    *audit.ENDPOINTS,
    *document.ENDPOINTS,
)
