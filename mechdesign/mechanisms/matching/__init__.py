"""Matching: who gets which partner, item or donor, without money."""
