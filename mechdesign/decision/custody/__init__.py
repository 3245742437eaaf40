"""Custodians: who holds the money behind the ledger, and what it says in the log."""
