"""Segments and recommendations as profile attributes on platforms that make mails themselves.

``platforms`` holds one file a platform; ``sync`` sends what changed since it was last sent, and remembers it.
"""

from send.attributes.platform import Platform, Profile, open_platform, platform_names
from send.attributes.sync import SyncReport, sync_attributes

__all__ = ["Platform", "Profile", "SyncReport", "open_platform", "platform_names", "sync_attributes"]
