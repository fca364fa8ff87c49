"""Events from Kafka, over its protocol: the broker is librdkafka's mock, with logs, groups and offsets."""

from __future__ import annotations

import json
import time

import pytest

from mailwright.errors import SendError, UsageError
from tests.triggers.conftest import NOW, track
from triggers.kafka import KafkaFeed, KafkaSettings
from triggers.worker import Worker

confluent_kafka = pytest.importorskip("confluent_kafka")


@pytest.fixture
def broker():
    """A producer whose mock broker takes connections, and the address of that."""
    producer = confluent_kafka.Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1})
    (one,) = producer.list_topics(timeout=30).brokers.values()
    return producer, f"{one.host}:{one.port}"


@pytest.fixture
def live(opened, sqlite_url):
    return opened(sqlite_url, only=["cart-abandoned"])


def put(producer, *values, topic="events"):
    for value in values:
        producer.produce(topic, value if isinstance(value, bytes) else json.dumps(value), key="p0")
    assert producer.flush(30) == 0


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def committed(address, topic="events"):
    """The group's committed offsets, summed over partitions."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": address, "group.id": "mailwright"})
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        asked = [confluent_kafka.TopicPartition(topic, number) for number in partitions]
        return sum(max(0, one.offset) for one in consumer.committed(asked, timeout=30))
    finally:
        consumer.close()


def plain(call):
    return {key: value for key, value in call.items() if key != "messageId"}


def test_messages_are_stored_and_their_offsets_committed_after_that(broker, live):
    producer, address = broker
    put(producer, track("p0", "product_added", -1, product_id="i1", cart_id="c"))
    put(producer, {"batch": [track("p1", "page_viewed", 0), track("p2", "page_viewed", 0)]}, b"no json", b"")
    with Worker(live, clock=lambda: NOW) as worker:
        with KafkaFeed(worker, KafkaSettings(address, "events")):
            until(lambda: worker.counts["accepted"] == 3 and worker.counts["refused"] == 2)
            until(lambda: committed(address) == 4)
            assert worker.alive
        assert not worker.feeds
    assert {letter["source"] for letter in live.store.dead_letters()} == {"kafka:events"}


def test_what_a_dead_consumer_had_not_committed_is_taken_again_and_counts_once(broker, live, monkeypatch):
    producer, address = broker
    put(producer, *(plain(track("p0", "page_viewed", n / 100)) for n in range(5)))
    settings = KafkaSettings(address, "events")
    with Worker(live, clock=lambda: NOW) as worker:
        with monkeypatch.context() as patch:
            patch.setattr(KafkaFeed, "_commit", lambda *_: None)
            with KafkaFeed(worker, settings):
                until(lambda: worker.counts["accepted"] == 5)
        assert committed(address) == 0
        with KafkaFeed(worker, settings):
            until(lambda: worker.counts["duplicates"] == 5)
            until(lambda: committed(address) == 5)
        assert worker.counts["accepted"] == 5


def test_while_the_store_does_not_answer_nothing_is_passed_over(broker, live, monkeypatch):
    producer, address = broker
    put(producer, track("p0", "page_viewed", 0))
    take, asked = live.take, []

    def fails_twice(readings, **more):
        asked.append(len(readings))
        if len(asked) <= 2:
            raise SendError("the outbox could not be used: it is away")
        return take(readings, **more)

    monkeypatch.setattr(live, "take", fails_twice)
    with Worker(live, clock=lambda: NOW) as worker, KafkaFeed(worker, KafkaSettings(address, "events")):
        until(lambda: worker.counts["accepted"] == 1)
        until(lambda: committed(address) == 1)
    assert len(asked) == 3


def test_settings_that_kafka_refuses_are_said(live):
    with pytest.raises(UsageError, match="settings are refused"):
        KafkaFeed(Worker(live), KafkaSettings("127.0.0.1:1", "events", more={"no.such.setting": "1"}))
