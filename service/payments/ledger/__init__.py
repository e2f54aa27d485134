"""The ledger: what really happened to the money, out of Stripe's events alone."""
