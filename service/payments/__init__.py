"""Payments: the gateway to Stripe, attempts, and the ledger of what really happened."""
