"""Comparing the ledger with Stripe, and fetching what webhooks never brought."""
