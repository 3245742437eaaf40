"""Auctions: players buy from a seller."""
