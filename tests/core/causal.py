"""Tiny language models with random weights, as folders that ``generate.folder`` may name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}<end>{% endfor %}<assistant>"
END = "<end>"


def write_causal(
    folder: Path, texts: Sequence[str], kind: Literal["llama", "gpt2"] = "llama", vocabulary: int = 400
) -> Path:
    """A model of two layers and 64 dimensions whose tokenizer was made for some texts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary, special_tokens=[END, "<user>", "<assistant>"], show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )  # fmt: skip
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END)
    if kind == "llama":
        wrapped.chat_template = TEMPLATE
    size, end = tokenizer.get_vocab_size(), tokenizer.token_to_id(END)
    torch.manual_seed(0)
    model = (
        LlamaForCausalLM(
            LlamaConfig(
                vocab_size=size, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
                num_key_value_heads=2, max_position_embeddings=2048, tie_word_embeddings=True, bos_token_id=None,
                eos_token_id=end, initializer_range=0.1,
            )
        )
        if kind == "llama"
        else GPT2LMHeadModel(
            GPT2Config(
                vocab_size=size, n_embd=64, n_layer=2, n_head=4, n_positions=512, bos_token_id=end, eos_token_id=end
            )
        )
    )  # fmt: skip
    model.save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder
