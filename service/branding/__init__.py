"""A merchant's brand: one file, checked whole before any page wears it."""
