"""The real TRL GRPOTrainer, a few steps on a tiny random policy, with rewardd as its reward."""

import math
import os
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "clients", "python"))

pytest.importorskip("torch")
pytest.importorskip("trl")

from rewardd import Client  # noqa: E402
from rewardd.trl import reward_function  # noqa: E402

STEPS = 3
GROUP = 4


@pytest.fixture(scope="module")
def policy(checkpoints, tmp_path_factory):
    """A Qwen2 of random weights over the tiny tokenizer of the process model."""
    import torch
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    folder = next(path for path in sorted(checkpoints.iterdir()) if path.is_dir())
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    tokenizer.eos_token = tokenizer.pad_token = "<|endoftext|>"
    assert tokenizer.eos_token_id is not None
    torch.manual_seed(1)
    size = max(tokenizer.get_vocab().values()) + 1
    config = Qwen2Config(
        vocab_size=size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen2ForCausalLM(config), tokenizer


def test_grpo_trains_on_our_rewards(daemon, policy, tmp_path):
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    model, tokenizer = policy
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    calls = []
    client = Client(daemon.url)
    score = reward_function(client, name="prm", run_id="e2e", aggregate="mean")

    def prm(prompts, completions, **kwargs):
        rewards = score(prompts, completions, **kwargs)
        calls.append((list(prompts), list(completions), rewards))
        return rewards

    config = GRPOConfig(
        output_dir=str(tmp_path),
        max_steps=STEPS,
        per_device_train_batch_size=GROUP,
        num_generations=GROUP,
        max_completion_length=12,
        learning_rate=1e-3,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
        seed=7,
    )
    questions = [{"prompt": f"What is {i} plus {i}?"} for i in range(8)]
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=[prm],
        args=config,
        train_dataset=Dataset.from_list(questions),
        processing_class=tokenizer,
    )
    trainer.train()

    assert len(calls) >= STEPS
    given = [reward for call in calls for reward in call[2]]
    assert all(reward is None or 0 <= reward <= 1 for reward in given)
    assert len({reward for reward in given if reward is not None}) > 1  # it tells texts apart
    for prompts, completions, rewards in calls:  # the same bits when each trace is sent alone
        for prompt, completion, reward in zip(prompts, completions, rewards):
            alone = client.score(prompt, text=completion, aggregate="mean", on_error="none")
            assert alone.reward == reward
    means = [
        entry["rewards/prm/mean"]
        for entry in trainer.state.log_history
        if "rewards/prm/mean" in entry
    ]
    assert len(means) == STEPS and all(math.isfinite(mean) for mean in means)
    first = [reward for reward in calls[0][2] if reward is not None]
    assert means[0] == pytest.approx(sum(first) / len(first), abs=1e-6)
    changed = [
        name
        for name, value in model.named_parameters()
        if not (value.detach() == before[name]).all()
    ]
    assert changed
    client.close()
