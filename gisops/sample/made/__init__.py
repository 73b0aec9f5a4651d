"""The made-up city's ground: a coast, a river, streets, blocks and houses, drawn by a program from a seed."""

from gisops.sample.made.town import draw

__all__ = ["draw"]
