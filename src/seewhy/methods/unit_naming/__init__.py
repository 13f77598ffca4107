"""Which text of a bank each unit of a network answers to, by a dual encoder's similarities."""
