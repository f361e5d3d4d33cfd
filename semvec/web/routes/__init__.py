"""All endpoints, by what they are about."""

from semvec.web.routes import (
    control,
    conversation,
    document,
    health,
    literals,
    metrics,
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
    *document.ENDPOINTS,
    *metrics.ENDPOINTS,
)
