"""All endpoints, by what they are about."""

from semvec.web.routes import conversation, document, health, sessions, state

ENDPOINTS = (
    *health.ENDPOINTS,
    *conversation.ENDPOINTS,
    *sessions.ENDPOINTS,
    *state.ENDPOINTS,
    *document.ENDPOINTS,
)
