"""Messages to some of the members: private ones in the order, direct ones beside it."""
