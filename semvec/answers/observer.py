"""Answers about the observer."""

from dataclasses import dataclass

from semvec.groups.observer import AnomalyType, Detail


@dataclass(frozen=True, slots=True)
class ObserverInfo:
    """The observer of a licence subject."""

    observer_id: str
    """The observer."""
    registered_regions: int
    """Number of observed regions."""
    meta_session_id: str
    """The observer's own session."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A condition over several clusters, reported once when it begins."""

    type: AnomalyType
    """cross_cluster_convergence, systemic_drift or cluster_divergence."""
    detected_at: float
    """Time of detection, in seconds since 1970."""
    details: dict[str, Detail]
    """Numbers and names that explain it."""


@dataclass(frozen=True, slots=True)
class ObserverSummary:
    """The observer and its latest findings."""

    observer_id: str
    """The observer."""
    registered_regions: int
    """Number of observed regions."""
    total_clusters_observed: int
    """Number of clusters in the observed regions, each counted once."""
    last_sample_at: float | None
    """Time of the last sample, in seconds since 1970; null before the first."""
    anomaly_count: int
    """Number of anomalies in the log."""
    recent_anomalies: list[Anomaly]
    """The newest anomalies, newest first."""
    meta_session_id: str
    """The observer's own session."""
    sample_interval_seconds: float
    """Seconds between automatic samples."""


@dataclass(frozen=True, slots=True)
class ObserverSample:
    """The result of one sample of all regions."""

    sampled_at: float
    """Time of the sample, in seconds since 1970."""
    sample_duration_ms: float
    """Duration of the sample, in milliseconds."""
    regions_sampled: int
    """Number of regions sampled."""
    regions_registered: int
    """Number of regions registered."""
    clusters_sampled: int
    """Number of clusters sampled."""
    new_anomalies: int
    """Number of anomalies found by this sample."""
    total_anomalies: int
    """Number of anomalies in the log after the sample."""


@dataclass(frozen=True, slots=True)
class Registered:
    """Whether the region was registered."""

    registered: bool
    """False if it was registered before."""


@dataclass(frozen=True, slots=True)
class Unregistered:
    """A region that was removed from the observer."""

    unregistered: bool
    """Always true: a region that is not registered is answered with 404."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """The log of anomalies was emptied."""

    cleared: int
    """Number of anomalies that were in the log."""
