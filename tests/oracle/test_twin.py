"""The numpy twin against transformers and torch: the same weights, the same ids, every backbone and
head.

pytest tests/oracle/test_twin.py        (skipped when torch or transformers is missing)
"""

import os
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints  # noqa: E402
import make_checkpoints  # noqa: E402
import twin  # noqa: E402

CLASS = {
    "llama": "Llama",
    "mistral": "Mistral",
    "qwen2": "Qwen2",
    "qwen3": "Qwen3",
    "internlm2": "Llama",
}


def backbone(config, tensors, dtype):
    """transformers' own class around our weights (InternLM2, remote code, is mapped into Llama)."""
    family = CLASS[config["model_type"]]
    keys = {
        k: v
        for k, v in config.items()
        if k not in ("architectures", "model_type", "torch_dtype", "dtype")
    }
    made = getattr(transformers, family + "Config")(**keys, attn_implementation="eager")
    model = getattr(transformers, family + "Model")(made).to(dtype).eval()
    state = {
        k[6:]: torch.tensor(np.array(v), dtype=dtype)
        for k, v in twin.canonical(config, tensors).items()
        if k.startswith("model.")
    }
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and not [m for m in missing if "rotary" not in m], (missing, unexpected)
    return model


@pytest.mark.parametrize("name", list(checkpoints.SPECS))
def test_hidden_states(tmp_path, name):
    made = make_checkpoints.build(str(tmp_path), name, [300], with_layouts=False)
    config, tensors = twin.load_folder(str(tmp_path / name))
    ids = made["id_cases"][0]["ids"]
    ours = twin.hidden_states(config, tensors, ids)
    for dtype, tolerance in ((torch.float64, 1e-4), (torch.float32, 2e-4)):
        with torch.no_grad():
            theirs = backbone(config, tensors, dtype)(
                input_ids=torch.tensor([ids])
            ).last_hidden_state[0]
        # float64 in transformers still rounds norms and softmax to float32: that sets the
        # tolerance.
        assert np.abs(ours - theirs.double().numpy()).max() < tolerance, dtype


@pytest.mark.parametrize(
    "name",
    [
        n
        for n, s in checkpoints.SPECS.items()
        if "Classification" in s["architecture"] or "CausalLM" in s["architecture"]
    ],
)
def test_scores_of_whole_classes(tmp_path, name):
    """from_pretrained on the folder itself: names, shapes, config keys and heads are those of
    transformers."""
    made = make_checkpoints.build(str(tmp_path), name, [1, 100])
    folder = str(tmp_path / name)
    model = (
        getattr(transformers, checkpoints.SPECS[name]["architecture"])
        .from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        .eval()
    )
    post, head = made["recipe"]["post"], made["recipe"]["head"]
    for case in made["id_cases"] + made["cases"]:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([case["ids"]])).logits[0].double().numpy()
        if head["type"] == "lm_rows":
            values = logits[case["positions"]][:, head["rows"]]
        elif logits.ndim == 1:
            if case in made["id_cases"]:
                continue  # random ids may hold the pad token, which moves the position
            values = logits[None, :]  # the class chose the position itself
        else:
            values = logits[case["positions"]]
        raw, reward = twin.post(post, values)
        assert (
            np.abs(raw - case["raw"]).max() < 1e-4 and np.abs(reward - case["reward"]).max() < 1e-4
        )
