"""Words of both languages: segmentation, word translations, and a score of how parallel two texts are."""

from deepsuper.data.words.lexicon import Lexicon
from deepsuper.data.words.segment import Token, segment, tokens

__all__ = ["Lexicon", "Token", "segment", "tokens"]
