"""Simulator, faulty network, adversaries and checkers, shipped so that authors can check their own mechanisms."""
