"""How good is it? Scores of models and explanations against known truth."""
