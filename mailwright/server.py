"""The web application of a workspace: webhooks, unsubscribing, preferences, mails in the browser."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime

import orjson
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from mailwright.errors import MailwrightError, UsageError
from mailwright.model.garbage import settle_memory
from mailwright.model.identity import message_id
from mailwright.model.links import LinkSigner
from mailwright.outboxes import workspace_outbox
from mailwright.policy import delivery_policy
from mailwright.promoting import Promoter
from mailwright.sending import LOCAL_ADAPTERS, archive_of
from mailwright.workspace import Workspace
from send import Adapter, open_adapter
from send.pages import PageSettings, mail_app
from triggers import EventSettings, Worker, event_routes, open_triggers
from triggers.kafka import KafkaFeed, KafkaSettings
from triggers.reread import Rereader
from triggers.tracing import exported_traces

WRITE_KEYS = "MAILWRIGHT_WRITE_KEYS"
"""The environment variable with the keys, comma between them, under which events may be sent here."""


SOURCES = "MAILWRIGHT_EVENT_SOURCES"
"""The environment variable with the sources that sign their webhooks: ``name:secret``, comma between them."""


def event_settings() -> EventSettings:
    """Who may send events, by the environment. Raises UsageError for a source without a secret."""
    keys = frozenset(filter(None, os.environ.get(WRITE_KEYS, "").split(",")))
    sources = {}
    for one in filter(None, os.environ.get(SOURCES, "").split(",")):
        name, _, secret = one.partition(":")
        if not name or not secret:
            raise UsageError(
                f"{SOURCES} names a source without a secret", fix="write name:secret,name:secret"
            )
        sources[name] = secret.encode()
    return EventSettings(keys, sources)


def kafka_settings() -> KafkaSettings | None:
    """The topic that events are read from, by the environment; None: none is named. Raises UsageError."""
    brokers, topic = os.environ.get("MAILWRIGHT_KAFKA"), os.environ.get("MAILWRIGHT_KAFKA_TOPIC")
    if not brokers:
        return None
    if not topic:
        raise UsageError("MAILWRIGHT_KAFKA names brokers, MAILWRIGHT_KAFKA_TOPIC no topic")
    try:
        more = orjson.loads(os.environ.get("MAILWRIGHT_KAFKA_CONFIG") or "{}")
    except orjson.JSONDecodeError as error:
        raise UsageError("MAILWRIGHT_KAFKA_CONFIG is no JSON", fix='{"security.protocol": "SSL"}') from error
    group = os.environ.get("MAILWRIGHT_KAFKA_GROUP", "mailwright")
    return KafkaSettings(brokers, topic, group, {str(key): str(value) for key, value in dict(more).items()})


@contextmanager
def taking_events(workspace: Workspace, secret: bytes, *, now: datetime) -> Iterator[Sequence[BaseRoute]]:
    """The routes that take events, and behind them the worker that fires triggers and sends their mails.

    None without triggers, or where nobody may send any. Raises what opening triggers or adapter raises.
    """
    settings, kafka = event_settings(), kafka_settings()
    if not (settings.write_keys or settings.sources or kafka) or not workspace.trigger_files:
        yield ()
        return
    adapter = open_adapter(workspace.spec.esp, os.environ, root=workspace.state.resolve())
    live = open_triggers(
        workspace, outbox=workspace_outbox(workspace), adapter=adapter, now=now, secret=secret
    )
    live.world.settle()
    settle_memory()
    with ExitStack() as stack:
        stack.enter_context(exported_traces(os.environ))
        policy = delivery_policy(workspace, current=lambda: live.world.workspace)
        reread = Promoter(workspace, Rereader(workspace, secret=secret))
        worker = stack.enter_context(Worker(live, policy=policy, reread=reread))
        if kafka is not None:
            stack.enter_context(KafkaFeed(worker, kafka))
        yield event_routes(worker, settings)


def make_app(workspace: Workspace, secret: bytes | None, *, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """The application over the workspace's outbox and kept mails; ``secret`` signed the links in mails.

    The ESP's webhooks are taken when its credentials are there; without them only the pages are served.
    ``routes`` are added to its own.
    """
    spec = workspace.spec
    archive = archive_of(workspace)
    adapters: dict[str, Adapter] = {}
    if spec.esp.adapter not in LOCAL_ADAPTERS:
        with suppress(MailwrightError):
            adapters[spec.esp.adapter] = open_adapter(spec.esp, os.environ, root=workspace.state)

    def view(profile_id: str, campaign: str, occasion: str) -> bytes | None:
        with suppress(UsageError):
            html: bytes = archive.mail(message_id(campaign, profile_id, occasion))[1]["html"]
            return html
        return None

    purposes = sorted(
        {file.value.purpose for file in workspace.campaign_files.values() if file.value.purpose}
    )
    settings = PageSettings(
        outbox=workspace_outbox(workspace),
        signer=LinkSigner(spec.base_url, secret or b""),
        adapters=adapters,
        shop=spec.name,
        purposes={purpose: purpose.replace("_", " ").capitalize() for purpose in purposes},
        view=view,
    )
    return mail_app(settings, routes=routes)
