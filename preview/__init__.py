"""The pages of the web preview, over the same engine that sends.

``Desk`` keeps the plan of each campaign current while files change; ``views`` are the pages, one module a
subject; ``preview_server`` at the top level gives them their addresses.
"""

from preview.desk import Desk
from preview.settings import PreviewSettings

__all__ = ["Desk", "PreviewSettings"]
