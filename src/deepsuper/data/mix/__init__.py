"""Several files and languages into one shuffled corpus, in constant memory: `deepsuper data mix`."""
