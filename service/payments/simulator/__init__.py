"""The Stripe simulator: Stripe's wire format on the loopback, for the listed test cards alone.

A separate server (`process.start`) speaks Stripe's API to the unmodified SDK, and a small browser
application (`browser.create_browser_app`) stands in for Stripe.js. Both share one SQLite file.
No money moves, no card number outside `cards` is accepted, and nothing starts beside live keys.
"""
