"""A workspace: the user's own folder with data, segments, campaigns, templates and blocks.

``open_workspace`` reads and checks all of its YAML at once, so that everything after it can trust the
names; ``Assets`` publishes its pictures under names made of their content; ``create_workspace`` makes a new
one that works.
"""

from mailwright.workspace.assets import Assets
from mailwright.workspace.starter import create_workspace
from mailwright.workspace.workspace import Workspace, open_workspace

__all__ = ["Assets", "Workspace", "create_workspace", "open_workspace"]
