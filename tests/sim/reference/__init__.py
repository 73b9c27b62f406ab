"""Reference implementation of the rules in plain Python.

It is slow and shares only the mission description with the simulator. Tests compare it with
recordings of the engine, and the simulator with it on random missions and actions.
"""
