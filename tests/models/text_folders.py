"""A small DistilBERT with random weights and a tokenizer of a few words, written to a folder."""

from pathlib import Path

import torch

TEXT = (
    "there is are a the two red blue green dog dogs cat sky clear yes no it because of on what "
    "colour many painted wet road snow man ##s ##t in"
)
WORDS = tuple(TEXT.split())
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write_text_folder(folder: Path, *, blocks: int = 2, width: int = 16, seed: int = 0) -> Path:
    """As `save_pretrained` writes it."""
    from transformers import DistilBertConfig, DistilBertModel, DistilBertTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join((*SPECIAL, *WORDS)), encoding="utf-8")
    tokenizer = DistilBertTokenizer(str(vocabulary))
    config = DistilBertConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        max_position_embeddings=64,
        n_layers=blocks,
        n_heads=2,
        dim=width,
        hidden_dim=2 * width,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = DistilBertModel(config)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "embeddings" in name and parameter.ndim == 2:
                parameter.mul_(20)
    module.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
