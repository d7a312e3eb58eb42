"""What the cache of the hub holds. No network and no transformers: the files are only looked up."""

from pathlib import Path

from deepsuper.config import ModelConfig


def cached_config(config: ModelConfig) -> Path | None:
    """The config.json of a hub model in the cache, in the folder of its commit; None if it is not there."""
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(config.name, "config.json", revision=config.revision)
    return Path(cached) if isinstance(cached, str) else None
