"""Adapter to mettagrid: policies in both directions, and a cross-check of both engines.

No module imports mettagrid before a function needs it.
"""
