"""What an image encoder and a text encoder both know of an image and its class."""
