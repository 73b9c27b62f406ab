"""Planner: knows the whole map and the rules, and searches for the best play of a mission."""
