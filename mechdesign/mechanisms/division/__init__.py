"""Division: what each of several players gets of things that all of them want."""
