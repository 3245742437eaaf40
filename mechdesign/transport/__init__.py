"""Carries opaque bytes between two members who have proved to each other who they are."""
