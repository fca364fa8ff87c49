"""Triggers: an event comes in, the right mail goes out, once, at the right moment.

``open_triggers`` reads a workspace and gives ``Triggers``: ``ingest`` takes batches of Segment calls into
the store and brings profiles, runs and timers up to date in one transaction; ``fire`` takes runs that are due
further, their mails made by the same stages as a batch run's and handed to the outbox; ``simulate`` replays
events on a virtual clock and says why each thing was decided. docs/triggers.md explains it.
"""

from triggers.http import EventSettings, event_routes
from triggers.ingest import read_lines
from triggers.live import Triggers, open_triggers
from triggers.program import compile_triggers
from triggers.simulation import Simulation, simulate
from triggers.worker import Worker
from triggers.world import read_world

__all__ = [
    "EventSettings",
    "Simulation",
    "Triggers",
    "Worker",
    "compile_triggers",
    "event_routes",
    "open_triggers",
    "read_lines",
    "read_world",
    "simulate",
]
