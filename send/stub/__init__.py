"""An ESP on loopback: plays every platform's API strictly, keeps what it takes, and fails on request.

``StubEsp`` starts it, in a thread or a process; each module of ``send.stub.plays`` plays one platform,
written from the platform's contract and not from our adapter, so that the one can catch the other.
"""

from send.stub.environment import (
    stub_environ,
    stub_options,
    stub_platform_environ,
    stub_platform_options,
)
from send.stub.esp import StubEsp
from send.stub.faults import Fault
from send.stub.mailbox import Mail

__all__ = [
    "Fault",
    "Mail",
    "StubEsp",
    "stub_environ",
    "stub_options",
    "stub_platform_environ",
    "stub_platform_options",
]
