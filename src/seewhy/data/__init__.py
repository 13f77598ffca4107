"""What goes in: images, records, sources, concepts, and the data sets that ship."""
