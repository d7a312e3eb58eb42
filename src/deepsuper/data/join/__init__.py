"""Two languages' sides of one set -> pairs of rows: by id, by order with a check, or by alignment."""
