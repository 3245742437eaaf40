"""Ways to hide reports until all of them are in."""
