"""What is laid over any town's ground: areas, cells, zones, people, rosters, parts, pipes, places, themes.

A pure function of the town, a seed and a moment; it does not know whether the town was drawn or is a real one.
"""
