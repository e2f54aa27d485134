"""Stripe's resources, one module each; `routes` lists what they offer."""
