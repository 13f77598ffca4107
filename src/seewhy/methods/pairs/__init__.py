"""Why two images are alike to an encoder, without labels."""
