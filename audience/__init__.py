"""Profiles, catalogue and interactions: read, checked, deduplicated, given features.

``read_audience`` turns the data sources of a workspace into three Arrow tables, a report of everything
that was wrong with them and a fingerprint; ``add_features`` computes what interactions say about each
profile. What cannot be used is counted and listed, never lost.
"""

from audience.arrow import arrow_schema
from audience.features import FEATURES, add_features
from audience.online_retail import ingest_online_retail
from audience.privacy import access_profile, forget_profile
from audience.pseudonyms import export_pseudonymised
from audience.read import read_audience
from audience.report import AudienceReport
from audience.store import Audience

__all__ = [
    "FEATURES",
    "Audience",
    "AudienceReport",
    "access_profile",
    "add_features",
    "arrow_schema",
    "export_pseudonymised",
    "forget_profile",
    "ingest_online_retail",
    "read_audience",
]
