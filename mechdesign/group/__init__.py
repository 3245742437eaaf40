"""Turns packets between pairs into one order of submissions that every honest member agrees on."""
