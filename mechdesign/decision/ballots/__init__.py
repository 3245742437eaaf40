"""Participants that are not members: their roll, their ballots, and how members carry these into the log."""
