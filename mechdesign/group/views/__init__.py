"""Epochs: how the members of a running group change, and how everybody finds the present one."""
