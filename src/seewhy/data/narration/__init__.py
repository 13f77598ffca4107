"""Questions about images with answers and reasons: records, and the files they come from."""
