"""The job of edits: captions of images to mended ones, what was changed and why, and a page."""
