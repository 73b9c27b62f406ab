"""Can a folder of results be trusted? Hashes, then everything done again that can be."""

from daf.audit.audit import Audit, audit
from daf.audit.findings import CHANGED, UNVERIFIABLE, VERIFIED, Finding

__all__ = ["CHANGED", "UNVERIFIABLE", "VERIFIED", "Audit", "Finding", "audit"]
