"""The rows of one set in two languages -> pairs: by id, by order with a check, or by alignment."""
