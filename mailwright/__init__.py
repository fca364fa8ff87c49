"""The spine: the concepts that every room shares, the errors, the workspace, the engine and the command line.

Rooms (``rules``, ``audience``, ``segments``, ``recommend``, ``render``, ``send`` …) may import
``mailwright.model`` and ``mailwright.errors`` and nothing else from here; everything else here may import
every room.
"""

__version__ = "0.1.0"
