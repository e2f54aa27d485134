"""Transaction analysis: saved queries and read-only SQL over the ledger's documented views."""
