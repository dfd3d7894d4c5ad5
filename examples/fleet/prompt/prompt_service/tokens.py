"""How many tokens a text costs. Splits as models do; the vocabulary itself stays out of it."""

import tiktoken

# Byte pairs without merges beyond single bytes make every byte a token: a pattern of our own then
# bounds the count from words, numbers and punctuation.
_bytes = tiktoken.Encoding(
    name="bytes",
    pat_str=r"\p{L}+|\p{N}{1,3}|[^\s\p{L}\p{N}]+|\s+",
    mergeable_ranks={bytes([value]): value for value in range(256)},
    special_tokens={},
)

# Measured on English prose, about four bytes share a token.
BYTES_PER_TOKEN = 4


def estimate(text: str) -> int:
    return -(-len(_bytes.encode(text)) // BYTES_PER_TOKEN)
