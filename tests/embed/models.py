"""Small random models in directories, laid out like real ones."""

import json
from pathlib import Path

from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from tests.embed.drawn import CONFIG, WORDS, random_tensors


def write_model(
    directory: Path, *, pooling: str = "mean", prefix: str = "", **config: object
) -> Path:
    """A random BERT with a WordPiece tokenizer; `config` overrides CONFIG."""
    merged = CONFIG | config
    (directory / "1_Pooling").mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(merged))
    modes = {f"pooling_mode_{mode}": mode == f"{pooling}_tokens" for mode in ("mean_tokens",)}
    modes["pooling_mode_cls_token"] = pooling == "cls"
    modes["pooling_mode_max_tokens"] = pooling == "max"
    (directory / "1_Pooling" / "config.json").write_text(json.dumps(modes))
    wordpiece_tokenizer().save(str(directory / "tokenizer.json"))
    tensors = {f"{prefix}{name}": values for name, values in random_tensors(merged).items()}
    save_file(tensors, directory / "model.safetensors")
    return directory


def wordpiece_tokenizer() -> Tokenizer:
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = [("[CLS]", WORDS.index("[CLS]")), ("[SEP]", WORDS.index("[SEP]"))]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=special
    )
    return tokenizer
