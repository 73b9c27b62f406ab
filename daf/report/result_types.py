"""Names for the parts of result files that tables and charts show; all are plain JSON data."""

from collections.abc import Mapping
from typing import Any

Estimate = Mapping[str, Any]
"""Estimate of one policy or team on one mission or over all, with interval and units."""

CrossPlayPair = Mapping[str, Any]
"""Estimate of the score of two policies in one team."""

RunJson = Mapping[str, Any]
"""Content of run.json, with the label of the policy."""

SearchJson = Mapping[str, Any]
"""Content of search.json, the result of a sweep."""

MissionFacts = Mapping[str, Any]
"""Name, description, map, legend and facts of a mission."""
