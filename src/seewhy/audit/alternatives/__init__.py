"""Other readings of what a decision relies on, behind one interface, to compare with."""
