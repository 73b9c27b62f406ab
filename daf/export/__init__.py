"""Exporters: results as figures, tables, videos, and logs of other tools."""
