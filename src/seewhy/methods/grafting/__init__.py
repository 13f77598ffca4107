"""Another network's maps inside a dual encoder, read out in words."""
