"""The missing side of parallel rows, by a translation or chat model or by an endpoint: `deepsuper data translate`."""
