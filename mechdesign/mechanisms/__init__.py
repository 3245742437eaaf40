"""Mechanisms: pure rules from reports to outcomes and payments, one rule a file, one folder a family."""
