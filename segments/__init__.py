"""Segments: named sets of profiles, and what is known about them.

``compile_segments`` checks the rules of ``segments.yaml`` and puts them in an order in which each comes after
those it needs; ``assign_segments`` computes membership over a frame, ``segments_of`` for one profile, and
``audit_segments`` says what is wrong with the result. ``fit_clusters`` finds groups in the data,
``fit_scores`` predicts what profiles will do, ``take_score`` takes predictions from outside.
``segments.plots`` draws.
"""

from segments.assign import Segmentation, assign_segments, segments_of
from segments.audit import audit_segments
from segments.clusters import ClusterModel, fit_clusters, load_clusters
from segments.compile import compile_segments
from segments.scores import fit_scores, take_score

__all__ = [
    "ClusterModel",
    "Segmentation",
    "assign_segments",
    "audit_segments",
    "compile_segments",
    "fit_clusters",
    "fit_scores",
    "load_clusters",
    "segments_of",
    "take_score",
]
