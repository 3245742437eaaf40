"""Mathematics that several families use, written once."""
