"""Every concept once: what a schema, segment, campaign, recommendation, trace and message are.

Nothing here reads a file or knows a room; any room may import any module of this package. The modules are
``schema`` (attributes of profiles, items, events), ``workspace`` (``mailwright.yaml``), ``audience``
(identity, retention, expectations), ``segment``,
``campaign``, ``trigger``, ``recommendation``, ``trace`` (why a mail is as it is), ``message`` (the mail
itself and what becomes of it), ``identity`` (fingerprints, message ids, buckets), ``links`` (signed
links) and ``duck`` (queries over Arrow tables).
"""

from mailwright.model.campaign import CampaignSpec
from mailwright.model.message import Message, Receipt, SkipReason
from mailwright.model.recommendation import Recommendation
from mailwright.model.schema import Attribute
from mailwright.model.segment import SegmentSpec
from mailwright.model.trace import Trace
from mailwright.model.trigger import TriggerSpec
from mailwright.model.workspace import WorkspaceSpec

__all__ = [
    "Attribute",
    "CampaignSpec",
    "Message",
    "Receipt",
    "Recommendation",
    "SegmentSpec",
    "SkipReason",
    "Trace",
    "TriggerSpec",
    "WorkspaceSpec",
]
