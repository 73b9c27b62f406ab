"""Audit of a results folder: integrity of files, consistency of sidecars, re-execution of jobs."""

from daf.audit.audit import AuditResult, audit
from daf.audit.findings import CHANGED, UNVERIFIABLE, VERIFIED, Finding

__all__ = ["CHANGED", "UNVERIFIABLE", "VERIFIED", "AuditResult", "Finding", "audit"]
