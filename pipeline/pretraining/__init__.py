"""A backbone trained on as a masked language model: texts, masks, step, and the run of them."""
