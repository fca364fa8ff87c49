"""Events from Kafka: a consumer group, whose offsets are committed after the store has the events.

A message is one Segment call, a list of them, or ``{"batch": […]}``. One without ``messageId`` gets an id of
its topic, partition and offset, so that what is delivered again after a crash counts once. Nothing is passed
over: what cannot be taken is a dead letter, and while the store does not answer the same messages are tried
again. Order is kept within a partition; key the topic by profile.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from mailwright.errors import MailwrightError, MissingExtraError, UsageError
from triggers.commits import BusyError
from triggers.log import say
from triggers.worker import Worker

log = logging.getLogger("mailwright.triggers")
TOGETHER = 500
"""Messages taken at once."""
_PATIENCE_S = 0.2
_AGAIN_S = 0.5


@dataclass(frozen=True)
class KafkaSettings:
    """Where events are read. ``more`` are settings of librdkafka: security, certificates."""

    brokers: str
    topic: str
    group: str = "mailwright"
    more: Mapping[str, str] = field(default_factory=dict)


class KafkaFeed:
    """Reads a topic into a worker until it is stopped. A context manager; stop it before the worker."""

    def __init__(self, worker: Worker, settings: KafkaSettings) -> None:
        """Raises MissingExtraError without confluent-kafka, UsageError for settings that it refuses."""
        try:
            from confluent_kafka import Consumer, KafkaException
        except ImportError as error:
            raise MissingExtraError(
                "confluent-kafka", extra="kafka", needed_for="events from Kafka"
            ) from error
        self._worker, self._settings, self._broken = worker, settings, KafkaException
        try:
            self._consumer = Consumer(
                {
                    **settings.more,
                    "bootstrap.servers": settings.brokers,
                    "group.id": settings.group,
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    "auto.offset.reset": "earliest",
                    "logger": log,
                }
            )
        except KafkaException as error:
            raise UsageError(f"Kafka's settings are refused: {error.args[0]}") from error
        self._consumer.subscribe([settings.topic])
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mailwright-kafka", daemon=True)
        self.lag = 0
        """Messages of our partitions that are not taken yet, as far as the broker has told."""

    def __enter__(self) -> KafkaFeed:
        self._worker.feeds.append(self)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(30)
        self._worker.feeds.remove(self)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                messages = self._consumer.consume(num_messages=TOGETHER, timeout=_PATIENCE_S)
                good = [message for message in messages if message.error() is None]
                if len(good) < len(messages):
                    say("kafka told an error", errors=len(messages) - len(good))
                if good and self._stored(good):
                    self._commit(good)
                self._look()
        finally:
            self._consumer.close()

    def _stored(self, messages: Sequence[Any]) -> bool:
        """Whether the messages are in the store; tried until they are or the feed is stopped."""
        calls = [call for message in messages for call in calls_of(message)]
        while not self._stopping.is_set():
            try:
                self._worker.submit(calls, f"kafka:{self._settings.topic}").result()
            except BusyError:
                pass
            except MailwrightError as error:
                say("kafka waits for the store", error=type(error).__name__)
            else:
                return True
            self._stopping.wait(_AGAIN_S)
        return False

    def _commit(self, messages: Sequence[Any]) -> None:
        from confluent_kafka import TopicPartition

        last: dict[tuple[str, int], int] = {}
        for message in messages:
            last[message.topic(), message.partition()] = message.offset() + 1
        offsets = [TopicPartition(*where, offset) for where, offset in sorted(last.items())]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except self._broken as error:
            # The partitions went to another consumer, which takes these messages again: each counts once.
            say("kafka did not take offsets", error=str(error.args[0].name()))

    def _look(self) -> None:
        """How far behind we are."""
        behind = 0
        try:
            for here in self._consumer.position(self._consumer.assignment()):
                _, end = self._consumer.get_watermark_offsets(here, cached=True)
                behind += max(0, end - max(here.offset, 0)) if end >= 0 else 0
        except self._broken:
            return
        self.lag = behind


def calls_of(message: Any) -> list[Any]:
    """The calls of one message, each with an id that it has again when it is delivered again."""
    content = message.value() or b""
    try:
        body = orjson.loads(content)
    except (orjson.JSONDecodeError, RecursionError):
        return [content.decode(errors="replace")]
    if isinstance(body, dict) and isinstance(body.get("batch"), list):
        body = body["batch"]
    made = f"kafka-{message.topic()}-{message.partition()}-{message.offset()}"
    if not isinstance(body, list):
        return [_named(body, made)]
    return [_named(call, f"{made}-{number}") for number, call in enumerate(body)]


def _named(call: Any, name: str) -> Any:
    return {**call, "messageId": call.get("messageId") or name} if isinstance(call, dict) else call
