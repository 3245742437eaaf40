"""Location: where to put one public facility on a line."""
