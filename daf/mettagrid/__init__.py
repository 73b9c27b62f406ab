"""Adapter to mettagrid: its policies in DAF, DAF's policies in mettagrid, and a cross-check of both
engines. No module imports mettagrid before a function needs it."""
