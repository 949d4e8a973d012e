"""Applications built on core. Kits never import each other."""
