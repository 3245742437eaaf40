"""Exchanges: buyers and sellers of one kind of thing trade with each other."""
