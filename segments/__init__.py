"""Segments: named sets of profiles, and what is known about them.

``compile_segments`` checks the rules of ``segments.yaml`` and puts them in an order in which each comes after
those it needs; ``assign_segments`` computes membership over a frame, ``segments_of`` for one profile.
"""

from segments.assign import Segmentation, assign_segments, segments_of
from segments.compile import compile_segments

__all__ = [
    "Segmentation",
    "assign_segments",
    "compile_segments",
    "segments_of",
]
