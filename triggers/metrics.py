"""What Prometheus reads, collected when it asks. No label names a profile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from triggers.histogram import Histogram
from triggers.log import safe_text
from triggers.worker import Worker

_LONGEST = 200
"""Characters of a label."""


class _Of(Collector):
    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def collect(self) -> Iterable[Metric]:
        worker = self._worker
        events = CounterMetricFamily("mailwright_events", "Calls, by what became of them", labels=["outcome"])
        for outcome in ("accepted", "duplicates", "refused", "busy"):
            events.add_metric([outcome], worker.counts[outcome])
        yield events
        notes = CounterMetricFamily("mailwright_event_notes", "What was odd about calls", labels=["note"])
        for text, count in sorted(worker.notes.copy().items()):
            notes.add_metric([safe_text(text)[:_LONGEST]], count)
        yield notes
        yield from self._decisions()
        yield CounterMetricFamily("mailwright_mails_sent", "Accepted by the ESP", value=worker.counts["sent"])
        yield CounterMetricFamily(
            "mailwright_failures", "Errors of worker threads", value=worker.counts["failures"]
        )
        yield GaugeMetricFamily("mailwright_queue_depth", "Calls not yet stored", value=worker.queued)
        yield GaugeMetricFamily(
            "mailwright_feed_lag", "Messages of Kafka not yet taken", value=sum(f.lag for f in worker.feeds)
        )
        yield GaugeMetricFamily(
            "mailwright_runs_waiting", "Runs under way", value=worker.live.store.count_waiting()
        )
        due, now = worker.live.store.next_due(), worker.clock()
        late = (now - due).total_seconds() if due is not None else 0.0
        yield GaugeMetricFamily(
            "mailwright_due_lag_seconds", "How long the oldest due run has been due", value=max(late, 0.0)
        )
        yield _histogram("mailwright_commit_seconds", "One commit of events", worker.commit_seconds)
        yield _histogram("mailwright_send_seconds", "From due to accepted", worker.send_seconds)

    def _decisions(self) -> Iterator[Metric]:
        found = CounterMetricFamily(
            "mailwright_trigger_decisions", "What triggers decided", labels=["trigger", "what", "reason"]
        )
        for labels, count in sorted(self._worker.live.journal.counts.copy().items()):
            found.add_metric(list(labels), count)
        yield found


def _histogram(name: str, text: str, seconds: Histogram) -> Metric:
    metric = HistogramMetricFamily(name, text)
    metric.add_metric([], seconds.buckets, seconds.sum)
    return metric


def exposition(worker: Worker) -> tuple[bytes, str]:
    """The text of ``/metrics``, and its content type."""
    registry = CollectorRegistry()
    registry.register(_Of(worker))
    return generate_latest(registry), CONTENT_TYPE_LATEST
