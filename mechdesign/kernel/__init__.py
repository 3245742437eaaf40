"""What every layer stands on: the machine contract, identities, canonical bytes, money, errors and configuration."""
