"""Discovery and formation: players find one another and make groups, before there is any order."""
