"""What is explained: adapters, sites and the one place that reads weights."""
