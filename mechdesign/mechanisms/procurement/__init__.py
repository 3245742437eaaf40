"""Procurement: players sell to a buyer."""
