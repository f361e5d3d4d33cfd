"""The observer and what it finds."""

from dataclasses import dataclass

from semvec.groups.observer import AnomalyType, Detail


@dataclass(frozen=True, slots=True)
class ObserverInfo:
    """The observer of a licence subject."""

    observer_id: str
    """The observer."""
    registered_regions: int
    """Regions that it looks at."""
    meta_session_id: str
    """The session that belongs to it."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A condition over several clusters, told once when it begins."""

    type: AnomalyType
    """cross_cluster_convergence, systemic_drift or cluster_divergence."""
    detected_at: float
    """When it was found, in seconds since 1970."""
    details: dict[str, Detail]
    """The numbers and names behind it."""


@dataclass(frozen=True, slots=True)
class ObserverSummary:
    """The observer and what it has seen."""

    observer_id: str
    """The observer."""
    registered_regions: int
    """Regions that it looks at."""
    total_clusters_observed: int
    """Clusters in these regions, each counted once."""
    last_sample_at: float | None
    """When it last looked, in seconds since 1970; null before the first sample."""
    anomaly_count: int
    """Anomalies in the log."""
    recent_anomalies: list[Anomaly]
    """The newest anomalies, newest first."""
    meta_session_id: str
    """The session that belongs to it."""
    sample_interval_seconds: float
    """How often it looks by itself, in seconds."""


@dataclass(frozen=True, slots=True)
class ObserverSample:
    """What one look at all regions has found."""

    sampled_at: float
    """When it looked, in seconds since 1970."""
    sample_duration_ms: float
    """How long that took, in milliseconds."""
    regions_sampled: int
    """Regions that were looked at."""
    regions_registered: int
    """Regions that are registered."""
    clusters_sampled: int
    """Clusters that were looked at."""
    new_anomalies: int
    """Anomalies that this sample has found."""
    total_anomalies: int
    """Anomalies in the log after it."""


@dataclass(frozen=True, slots=True)
class Registered:
    """Whether the region was registered."""

    registered: bool
    """False where it was registered before."""


@dataclass(frozen=True, slots=True)
class Unregistered:
    """The region is not looked at any more."""

    unregistered: bool
    """Always true: a region that is not registered is answered with 404."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """The log of anomalies was emptied."""

    cleared: int
    """Anomalies that were in the log."""
