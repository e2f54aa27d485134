"""Checkouts: what is sold, for how much, and in which flow."""
