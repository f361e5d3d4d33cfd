"""Regions: clusters that realign together once enough of them have drifted."""

from semvec import answers
from semvec.paging import Page
from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.schemas.fields import ClusterId, RegionId
from semvec.web.schemas.groups import (
    DriftEventQuery,
    GroupListQuery,
    RegionClusterRequest,
    RegionCreate,
)
from semvec.web.stream import Stream, last_event_id


@endpoint("GET", "/v1/region/", summary="Your regions, newest first", errors=(400,))
async def list_regions(call: Call, query: GroupListQuery) -> Page[answers.RegionItem]:
    return await call.service.regions.page(call.owner, limit=query.limit, cursor=query.cursor)


@endpoint(
    "POST",
    "/v1/region/",
    summary="Create a region",
    statuses=(201,),
    errors=(409, 503),
    makes=("region_id",),
)
async def create_region(call: Call, body: RegionCreate) -> answers.RegionInfo:
    """Create a region and its meta-session, which has the same id and learns the clusters'
    consensus."""
    return await call.service.regions.create(
        call.owner,
        body.region_id,
        name=body.name,
        threshold=body.consensus_threshold,
        window_s=body.vote_window_seconds,
        dimension=body.dimension,
    )


@endpoint("GET", "/v1/region/{region_id}", summary="A region as it stands", errors=(404,))
async def get_region(call: Call, region_id: RegionId) -> answers.RegionState:
    return await call.service.regions.state(call.owner, region_id)


@endpoint("DELETE", "/v1/region/{region_id}", summary="Delete a region", errors=(404, 503))
async def delete_region(call: Call, region_id: RegionId) -> answers.Deleted:
    """Delete a region and its meta-session. Its clusters stay."""
    return await call.service.regions.delete(call.owner, region_id)


@endpoint(
    "POST", "/v1/region/{region_id}/clusters", summary="Attach a cluster", errors=(404, 409, 503)
)
async def attach_cluster(
    call: Call, region_id: RegionId, body: RegionClusterRequest
) -> answers.Added:
    """Attach a cluster. `added` is false if it was attached before."""
    return await call.service.regions.attach(call.owner, region_id, body.cluster_id)


@endpoint(
    "DELETE",
    "/v1/region/{region_id}/clusters/{cluster_id}",
    summary="Detach a cluster",
    errors=(404, 503),
)
async def detach_cluster(call: Call, region_id: RegionId, cluster_id: ClusterId) -> answers.Removed:
    """Detach a cluster. A cluster that is not attached is answered with 404."""
    return await call.service.regions.detach(call.owner, region_id, cluster_id)


@endpoint(
    "GET",
    "/v1/region/{region_id}/events",
    summary="Drifts of its clusters, newest first",
    errors=(400, 404),
)
async def list_drift_events(
    call: Call, region_id: RegionId, query: DriftEventQuery
) -> Page[answers.DriftEvent]:
    return await call.service.regions.events(
        call.owner, region_id, limit=query.limit, cursor=query.cursor
    )


@endpoint(
    "GET",
    "/v1/region/{region_id}/events/stream",
    summary="Drifts of its clusters as they happen",
    errors=(400, 404, 409, 503),
)
async def stream_drift_events(call: Call, region_id: RegionId) -> Stream[answers.DriftEvent]:
    """Send drift events as server-sent events named `drift`, from now on or after `Last-Event-ID`.
    A comment is sent at least every 15 seconds."""
    after = last_event_id(call.request)
    feed = await call.service.regions.follow(call.owner, region_id, after)
    return Stream("drift", call.owner, feed)


ENDPOINTS = (
    list_regions,
    create_region,
    get_region,
    delete_region,
    attach_cluster,
    detach_cluster,
    list_drift_events,
    stream_drift_events,
)
