"""The service: all of Kassa's input and output (web, command line, database, Stripe)."""
