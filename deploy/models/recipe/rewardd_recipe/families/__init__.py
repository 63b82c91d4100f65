"""Generator families. Each module offers `make(rng, held_out) -> Trace`; labels come from its own
mechanical check."""
