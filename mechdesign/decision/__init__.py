"""Runs sessions over the ordered log: phases, sealing, certificates, policing and the ledger."""
