"""Judges an experiment: numbers in, conclusions out. No file, clock or store is read."""
