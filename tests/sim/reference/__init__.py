"""The rules of the game (RULES) once more, in plain Python and as they are written there.

One object is one thing, one function one rule. It is slow, and shares no code with the simulator
but the description of a mission. It is compared with recordings of the engine, and the simulator
with it on missions and actions drawn at random.
"""
