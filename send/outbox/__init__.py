"""The outbox: what is to be sent, what has been, and whom nobody may mail, in SQLite or PostgreSQL.

``store`` opens it; ``enlist``, ``claim``, ``settle`` and ``recover`` are the four steps of a message;
``operators`` and ``feedback`` are what people and webhooks do to it afterwards.
"""

from send.outbox.store import Outbox, open_outbox

__all__ = ["Outbox", "open_outbox"]
