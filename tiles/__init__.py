"""How it is drawn at scale: any layer cut into vector tiles."""
