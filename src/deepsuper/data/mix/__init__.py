"""`deepsuper data mix`: several files and languages -> one shuffled corpus, in constant memory."""
