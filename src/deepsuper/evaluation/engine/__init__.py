"""The evaluation's own decoder: keys read once for all rows that share them, and continuous batching."""
