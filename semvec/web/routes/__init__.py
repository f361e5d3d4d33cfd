"""All endpoints, by resource."""

from semvec.web.routes import (
    audit,
    clusters,
    control,
    conversation,
    document,
    health,
    literals,
    metrics,
    network,
    observer,
    regions,
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
    *network.ENDPOINTS,
    *observer.ENDPOINTS,
    *audit.ENDPOINTS,
    *clusters.ENDPOINTS,
    *regions.ENDPOINTS,
    *document.ENDPOINTS,
    *metrics.ENDPOINTS,
)
