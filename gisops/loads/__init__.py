"""A city's own files on their way in: read with care, mapped, audited, published in one go, undone if need be."""
