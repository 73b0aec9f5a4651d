"""A city that lives by a seed: people who report, handle and check cases, faults among them, over a virtual clock.

``people``  what somebody does next with a case, when, and what goes wrong on the way
``days``    the heap of what comes next; nobody sleeps
``paper``   a world in memory that moves by the project's own table of moves and its own clocks: fast
``town``    a world in PostGIS, through the same acts a request runs: slower, and the real thing
``books``   what must hold of a database of cases whatever happened, asked in SQL

The same seed gives the same life, so that whatever breaks is met again by the command it is reported with.
"""
