"""The observer of a licence subject: anomalies among the clusters of its regions."""

from semvec import answers
from semvec.paging import Page
from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.reply import Reply
from semvec.web.schemas.fields import RegionId
from semvec.web.schemas.observer import AnomalyListQuery, ObserverCreate, ObserverRegionRequest
from semvec.web.stream import Stream, last_event_id

CHANGES = (404, 409, 503)


@endpoint(
    "POST",
    "/v1/observer/",
    summary="Have an observer",
    errors=(404, 503),
    statuses=(201, 200),
)
async def create_observer(call: Call, body: ObserverCreate) -> Reply[answers.ObserverInfo]:
    """Create the observer of the licence subject. An existing one is returned unchanged, with
    200."""
    info, made = await call.service.observer.create(
        call.owner, interval_s=body.sample_interval_seconds, region_ids=body.region_ids
    )
    return Reply(info, 201 if made else 200)


@endpoint("GET", "/v1/observer/summary", summary="What it has seen", errors=(404,))
async def get_summary(call: Call) -> answers.ObserverSummary:
    return await call.service.observer.summary(call.owner)


@endpoint("POST", "/v1/observer/sample", summary="Look at all regions now", errors=(404, 503))
async def sample(call: Call) -> answers.ObserverSample:
    """Sample all regions. A condition is reported when it begins, and again only after it has
    cleared."""
    return await call.service.sampling.sample(call.owner)


@endpoint("GET", "/v1/observer/anomalies", summary="The log of anomalies", errors=(400, 404))
async def list_anomalies(call: Call, query: AnomalyListQuery) -> Page[answers.Anomaly]:
    """Return the anomalies, newest first. The newest 10,000 are kept."""
    return await call.service.observer.page(call.owner, limit=query.limit, cursor=query.cursor)


@endpoint("DELETE", "/v1/observer/anomalies", summary="Empty the log", errors=(404, 503))
async def clear_anomalies(call: Call) -> answers.Cleared:
    """Empty the log. Conditions that persist are not reported again."""
    return await call.service.observer.clear(call.owner)


@endpoint(
    "GET",
    "/v1/observer/anomalies/stream",
    summary="Anomalies as they are found",
    errors=(400, 404, 409, 503),
)
async def stream_anomalies(call: Call) -> Stream[answers.Anomaly]:
    """Send anomalies as server-sent events named `anomaly`, from now on or after `Last-Event-ID`. A
    comment is sent at least every 15 seconds."""
    feed = await call.service.observer.follow(call.owner, last_event_id(call.request))
    return Stream("anomaly", call.owner, feed)


@endpoint("POST", "/v1/observer/regions", summary="Look at a region too", errors=CHANGES)
async def register_region(call: Call, body: ObserverRegionRequest) -> answers.Registered:
    """Add a region. `registered` is false if it was registered before."""
    return await call.service.observer.register(call.owner, body.region_id)


@endpoint(
    "DELETE",
    "/v1/observer/regions/{region_id}",
    summary="Look at a region no more",
    errors=(404, 503),
)
async def unregister_region(call: Call, region_id: RegionId) -> answers.Unregistered:
    """Remove a region. A region that is not registered is answered with 404."""
    return await call.service.observer.unregister(call.owner, region_id)


ENDPOINTS = (
    create_observer,
    get_summary,
    sample,
    list_anomalies,
    clear_anomalies,
    stream_anomalies,
    register_region,
    unregister_region,
)
