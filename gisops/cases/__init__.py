"""A case and its life: one write path for every move, and beside it what the desk reads."""
