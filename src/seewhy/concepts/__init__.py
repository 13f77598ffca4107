"""The job of concepts: what encoders see in images and expect of classes, in words."""
