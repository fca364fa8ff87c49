"""Sends messages through any ESP: nothing lost, nothing twice where the ESP can be told, and says what it
cannot know.

``adapters`` holds one file an ESP; ``outbox`` the durable state; ``deliver`` joins the two; ``pages`` is the
web application that ESPs and recipients call back; ``stub`` an ESP on loopback for tests and trials.
"""

from send.adapter import Adapter
from send.catalog import open_adapter
from send.deliver import DeliveryReport, DeliveryStopped, deliver
from send.outbox import Outbox, open_outbox
from send.policy import DeliveryPolicy
from send.stub import StubEsp

__all__ = [
    "Adapter",
    "DeliveryPolicy",
    "DeliveryReport",
    "DeliveryStopped",
    "Outbox",
    "StubEsp",
    "deliver",
    "open_adapter",
    "open_outbox",
]
