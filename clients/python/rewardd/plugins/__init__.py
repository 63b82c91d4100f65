"""Files that trainers load by their path."""
