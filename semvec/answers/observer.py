"""The observer and what it finds."""

from dataclasses import dataclass

from semvec.groups.observer import AnomalyType, Detail


@dataclass(frozen=True, slots=True)
class ObserverInfo:
    observer_id: str
    registered_regions: int
    meta_session_id: str


@dataclass(frozen=True, slots=True)
class Anomaly:
    type: AnomalyType
    detected_at: float
    details: dict[str, Detail]


@dataclass(frozen=True, slots=True)
class ObserverSummary:
    """`recent_anomalies` are the newest of the `anomaly_count` that the log holds."""

    observer_id: str
    registered_regions: int
    total_clusters_observed: int
    last_sample_at: float | None
    anomaly_count: int
    recent_anomalies: list[Anomaly]
    meta_session_id: str
    sample_interval_seconds: float


@dataclass(frozen=True, slots=True)
class ObserverSample:
    """`total_anomalies` are those in the log after the sample."""

    sampled_at: float
    sample_duration_ms: float
    regions_sampled: int
    regions_registered: int
    clusters_sampled: int
    new_anomalies: int
    total_anomalies: int


@dataclass(frozen=True, slots=True)
class Registered:
    registered: bool


@dataclass(frozen=True, slots=True)
class Unregistered:
    unregistered: bool


@dataclass(frozen=True, slots=True)
class Cleared:
    cleared: int
