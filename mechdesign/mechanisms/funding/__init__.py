"""Funding: how much a common pool adds to what players give."""
