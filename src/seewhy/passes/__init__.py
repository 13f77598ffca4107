"""A function over a whole data set: what fails becomes a row, the rest goes on."""
