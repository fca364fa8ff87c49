"""Where a campaign's mails go: the workspace's ESP, or a stand-in for it on this machine."""

from __future__ import annotations
