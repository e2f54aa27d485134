"""The web layer: requests in, answers out, nothing decided here."""
