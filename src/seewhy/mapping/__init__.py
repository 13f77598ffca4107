"""Maps and points of images for texts, as a job: what is asked, what is written, the page."""
