"""Voting: one of several options is chosen, and no money moves."""
