"""Committees and budgets: several options are chosen by approvals, within a number of seats or a budget."""
