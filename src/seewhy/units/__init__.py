"""The job of naming units: a site and a folder of images to tables and a page."""
