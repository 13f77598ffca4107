"""How well two maps say why two images are alike."""
