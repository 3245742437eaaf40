"""Cost sharing: who is served, and who bears which part of the cost."""
