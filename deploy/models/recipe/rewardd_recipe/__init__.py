"""Recipe of rewardd's default reward models: generator, checker, tokenizer, training, export,
evaluation."""
