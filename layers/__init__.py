"""What can be shown: the catalogue of thematic layers, one folder each, and reading their features."""
