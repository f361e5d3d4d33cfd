"""Clusters: groups of sessions with a common state."""

from semvec import answers
from semvec.paging import Page
from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.schemas.conversation import RunRequest
from semvec.web.schemas.fields import ClusterId, SessionIdField
from semvec.web.schemas.groups import (
    ClusterCreate,
    ClusterStoreRequest,
    GroupListQuery,
    MemberRequest,
)

CHANGES = (404, 409, 503)


@endpoint("GET", "/v1/cluster/", summary="Your clusters, newest first", errors=(400,))
async def list_clusters(call: Call, query: GroupListQuery) -> Page[answers.ClusterItem]:
    return await call.service.clusters.page(call.owner, limit=query.limit, cursor=query.cursor)


@endpoint(
    "POST",
    "/v1/cluster/",
    summary="Create a cluster",
    statuses=(201,),
    errors=(400, 409, 503),
    makes=("cluster_id",),
)
async def create_cluster(call: Call, body: ClusterCreate) -> answers.ClusterInfo:
    """Create a cluster and its backing session, which has the same id."""
    return await call.service.clusters.create(
        call.owner,
        body.cluster_id,
        name=body.name,
        mode=body.aggregation_mode,
        coupling=body.coupling_factor,
        dimension=body.dimension,
    )


@endpoint("GET", "/v1/cluster/{cluster_id}", summary="A cluster as it stands", errors=(404,))
async def get_cluster(call: Call, cluster_id: ClusterId) -> answers.ClusterState:
    return await call.service.clusters.state(call.owner, cluster_id)


@endpoint("DELETE", "/v1/cluster/{cluster_id}", summary="Delete a cluster", errors=(404, 503))
async def delete_cluster(call: Call, cluster_id: ClusterId) -> answers.Deleted:
    """Delete a cluster and its backing session. Its members stay."""
    return await call.service.clusters.delete(call.owner, cluster_id)


@endpoint("POST", "/v1/cluster/{cluster_id}/members", summary="Add a member", errors=CHANGES)
async def add_member(call: Call, cluster_id: ClusterId, body: MemberRequest) -> answers.MemberAdded:
    return await call.service.clusters.add(call.owner, cluster_id, body.session_id)


@endpoint(
    "DELETE",
    "/v1/cluster/{cluster_id}/members/{session_id}",
    summary="Remove a member",
    errors=(404, 503),
)
async def remove_member(
    call: Call, cluster_id: ClusterId, session_id: SessionIdField
) -> answers.MemberRemoved:
    return await call.service.clusters.remove(call.owner, cluster_id, session_id)


@endpoint(
    "POST",
    "/v1/cluster/{cluster_id}/store",
    summary="Learn a message and its answer",
    errors=CHANGES,
    makes=("memory_hash",),
)
async def store_in_cluster(
    call: Call, cluster_id: ClusterId, body: ClusterStoreRequest
) -> answers.Stored:
    """Learn in the cluster's backing session. If that drifts, the cluster's regions record it."""
    await call.service.clusters.check(call.owner, cluster_id)
    return await call.service.conversation.store_exchange(
        call.owner,
        session_id=cluster_id,
        message=body.message,
        response=body.response,
        message_embedding=body.message_embedding,
        response_embedding=body.response_embedding,
    )


@endpoint(
    "POST",
    "/v1/cluster/{cluster_id}/run",
    summary="Recall for a message, and learn it",
    errors=CHANGES,
)
async def run_in_cluster(call: Call, cluster_id: ClusterId, body: RunRequest) -> answers.Run:
    """Recall and learn in the cluster's backing session; `session_id` may be left out or be the
    cluster's id. If the session drifts, the cluster's regions record it."""
    await call.service.clusters.check(call.owner, cluster_id, body.session_id)
    return await call.service.conversation.run(
        call.owner,
        message=body.message,
        session_id=cluster_id,
        response=body.response,
        short_circuit_threshold=body.short_circuit_threshold,
        reset_context=body.reset_context,
        learn=body.learn,
        message_embedding=body.message_embedding,
        response_embedding=body.response_embedding,
    )


@endpoint(
    "POST",
    "/v1/cluster/{cluster_id}/feedback",
    summary="Move members together",
    errors=(404, 503),
)
async def feed_back(call: Call, cluster_id: ClusterId) -> answers.ClusterFeedback:
    """Move each member's state towards the cluster's aggregate by the coupling factor."""
    return await call.service.clusters.feedback(call.owner, cluster_id)


ENDPOINTS = (
    list_clusters,
    create_cluster,
    get_cluster,
    delete_cluster,
    add_member,
    remove_member,
    store_in_cluster,
    run_in_cluster,
    feed_back,
)
