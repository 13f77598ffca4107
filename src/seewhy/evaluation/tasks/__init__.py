"""Tasks on data sets with truth: what is asked, what is measured, and what is written down."""
