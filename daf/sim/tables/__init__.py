"""Lookup tables of a mission, computed once and constant during the simulation."""
