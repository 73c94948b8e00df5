"""Hugging Face's `Seq2SeqTrainer` on a BART of the same size, with random weights."""

import os
import tempfile
import time
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch

from warmuplab.bench.contender import Gate
from warmuplab.bench.contenders import sentences
from warmuplab.bench.contenders.sentences import Sentence
from warmuplab.bench.protocol import FailedError, Spec
from warmuplab.config.schema import RunConfig
from warmuplab.data.tokens import END, PADDING, START, TokenizedCorpus

IGNORED = -100  # as a label: weighs nothing in transformers' losses
NEEDED = ("transformers", "accelerate")


def train(spec: Spec, gate: Gate) -> dict[str, Any]:
    """One run, with sentences of similar length in a batch as the trainer offers it, without evaluation or saving."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise FailedError(f"{' and '.join(missing)} not installed: pip install 'warmuplab[bench]'")
    os.environ["HF_HUB_OFFLINE"] = "1"
    transformers: Any = import_module("transformers")  # its types promise less than it does

    torch.set_num_threads(spec.threads)
    config, corpus, pairs = sentences.load(spec)
    clock = {"began": 0.0, "seconds": 0.0}

    class Timed(transformers.TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, _arguments: Any, state: Any, _control: Any, **_others: Any) -> None:
            if state.global_step == spec.warm_up:
                gate()
                clock["began"] = time.perf_counter()
            elif state.global_step == spec.warm_up + spec.steps:
                clock["seconds"] = time.perf_counter() - clock["began"]

    collated: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        trainer = transformers.Seq2SeqTrainer(
            model=bart(config, corpus),
            args=arguments(config, spec, folder),
            train_dataset=[{"input_ids": pair.source, "pair": pair} for pair in pairs],
            data_collator=lambda rows: _collate([row["pair"] for row in rows], collated),
            callbacks=[Timed()],
        )
        trainer.train()
    tokens = sum(collated[spec.warm_up : spec.warm_up + spec.steps])
    return {"tokens": tokens, "seconds": clock["seconds"], "weights": trainer.model.num_parameters()}


def bart(config: RunConfig, corpus: TokenizedCorpus) -> torch.nn.Module:
    """The network: tied embeddings, layer normalisation after each residual sum, no dropout."""
    transformers: Any = import_module("transformers")

    model, longest = config.model, max(corpus.train.source_NxS.shape[1], corpus.train.target_NxT.shape[1])
    size = {f"{stack}_{name}": value for stack in ("encoder", "decoder") for name, value in _stack(config).items()}
    torch.manual_seed(config.seed)
    network: torch.nn.Module = transformers.BartForConditionalGeneration(
        transformers.BartConfig(
            vocab_size=corpus.vocabulary_size,
            d_model=model.width,
            max_position_embeddings=longest,
            activation_function="relu",
            scale_embedding=True,
            dropout=0.0,
            attention_dropout=0.0,
            activation_dropout=0.0,
            pad_token_id=PADDING,
            bos_token_id=START,
            eos_token_id=END,
            decoder_start_token_id=START,
            forced_eos_token_id=None,
            use_cache=False,
            **size,
        )
    )
    return network


def arguments(config: RunConfig, spec: Spec, folder: str) -> Any:
    """Of the trainer: its defaults but for what is measured."""
    transformers: Any = import_module("transformers")

    betas, eps = config.optimizer.betas or [0.9, 0.999], config.optimizer.eps or 1e-8
    return transformers.Seq2SeqTrainingArguments(
        output_dir=folder,
        max_steps=spec.warm_up + spec.steps,
        per_device_train_batch_size=config.training.batch_size,
        train_sampling_strategy="group_by_length",
        learning_rate=config.schedule.peak_lr or 1e-3,
        adam_beta1=betas[0],
        adam_beta2=betas[1],
        adam_epsilon=eps,
        max_grad_norm=config.optimizer.clip_norm or 0.0,
        seed=config.seed,
        use_cpu=True,
        dataloader_pin_memory=False,
        dataloader_drop_last=True,  # as the others: all batches have the same size
        remove_unused_columns=False,
        eval_strategy="no",
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def _stack(config: RunConfig) -> dict[str, int]:
    model = config.model
    return {"layers": model.depth, "attention_heads": model.heads, "ffn_dim": model.feed_forward}


def _collate(pairs: list[Sentence], collated: list[int]) -> dict[str, torch.Tensor]:
    """A padded batch; its tokens are added to `collated`, in the order of the steps."""
    collated.append(sum(pair.tokens for pair in pairs))
    source = _padded([pair.source for pair in pairs], PADDING)
    labels = _padded([pair.target[1:] for pair in pairs], IGNORED)
    return {"input_ids": source, "attention_mask": (source != PADDING).long(), "labels": labels}


def _padded(rows: list[list[int]], filler: int) -> torch.Tensor:
    tensors = [torch.tensor(row) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=filler)
