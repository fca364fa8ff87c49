"""The web application of a workspace: webhooks, unsubscribing, preferences, mails in the browser."""

from __future__ import annotations

import os
from contextlib import suppress

from starlette.applications import Starlette

from mailwright.errors import MailwrightError, UsageError
from mailwright.model.identity import message_id
from mailwright.model.links import LinkSigner
from mailwright.sending import LOCAL_ADAPTERS, archive_of, workspace_outbox
from mailwright.workspace import Workspace
from send import Adapter, open_adapter
from send.pages import PageSettings, mail_app


def make_app(workspace: Workspace, secret: bytes | None) -> Starlette:
    """The application over the workspace's outbox and kept mails; ``secret`` signed the links in mails.

    The ESP's webhooks are taken when its credentials are there; without them only the pages are served.
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
    return mail_app(settings)
