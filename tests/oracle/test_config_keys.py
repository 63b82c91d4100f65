"""Every key of config.json that transformers reads is implemented, or refused by name.

    REWARDD_BUILD=build pytest tests/oracle/test_config_keys.py

The keys are taken from the configuration classes and from the code that runs a forward pass (every
`config.KEY` and `getattr(config, "KEY")` of it), with the names that transformers 4 wrote and 5
still takes. Each is set to values of every kind. Then one of three must hold: our scores are those
of transformers on the same folder, or the folder is refused and the message names the key, or
transformers cannot run it either.
"""

import ast
import dataclasses
import json
import os
import subprocess
import sys

import pytest

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints  # noqa: E402
import make_checkpoints  # noqa: E402
import twin  # noqa: E402

BUILD = os.environ.get("REWARDD_BUILD", "")
DRIVER = os.environ.get("RW_SCORE", os.path.join(BUILD, "tests", "rw-score") if BUILD else "")
pytestmark = pytest.mark.skipif(not DRIVER, reason="RW_SCORE does not name the rw-score program")
ROOT = os.path.dirname(transformers.__file__)
CLASSES = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3"}
SHARED_CODE = [
    "modeling_layers.py",
    "modeling_rope_utils.py",
    "masking_utils.py",
    "configuration_utils.py",
]
# Names of transformers 4 (4.57: __init__ of the four configuration classes and of
# PretrainedConfig).
VERSION_4 = [
    "rope_theta",
    "rope_scaling",
    "torch_dtype",
    "partial_rotary_factor",
    "pretraining_tp",
    "pruned_heads",
    "original_max_position_embeddings",
    "is_decoder",
    "add_cross_attention",
    "tie_encoder_decoder",
    "use_sliding_window",
    "max_window_layers",
    "mlp_bias",
    "attention_bias",
    "head_dim",
    "layer_types",
]
# Switches of other families: our four classes carry them along unread.
FOREIGN = [
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "query_pre_attn_scalar",
    "residual_multiplier",
    "embedding_multiplier",
    "logits_scaling",
    "scale_emb",
    "num_experts",
    "clip_qkv",
    "alibi",
    "rotary_pct",
    "no_rope_layers",
    "attention_chunk_size",
    "use_qk_norm",
    "qkv_bias",
    "use_bias",
    "scale_attn_weights",
]
VALUES = [
    True,
    False,
    0,
    1,
    3,
    0.5,
    "gelu",
    {},
    {"a": 1},
    ["full_attention", "sliding_attention"],
    None,
]
ROPE_VALUES = [
    {"rope_type": "linear", "factor": 3.0},
    {"type": "linear", "factor": 3.0, "rope_theta": 77.0},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16},
    {"rope_theta": 50.0},
    {"rope_type": "default", "rope_theta": 50.0, "partial_rotary_factor": 0.5},
    {"rope_type": "dynamic", "factor": 2.0},
    {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16,
    },
    {"rope_type": "longrope", "factor": 2.0},
    {"full_attention": {"rope_type": "default", "rope_theta": 9.0}},
    {"rope_type": "default", "rope_theta": 50.0, "mrope_section": [2, 3, 3]},
]
ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
    "rope_theta": 90.0,
}
PAIRS = [  # keys that decide one another
    {
        "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16},
        "rope_parameters": ROPE,
    },
    {"rope_scaling": {"type": "linear", "factor": 4.0}, "rope_parameters": ROPE},
    {
        "rope_scaling": {"type": "linear", "factor": 4.0},
        "rope_parameters": ROPE,
        "rope_theta": 55.0,
    },
    {"rope_scaling": {}, "rope_parameters": ROPE, "rope_theta": 55.0},
    {"rope_parameters": ROPE, "rope_theta": 55.0},
    {
        "rope_scaling": {k: v for k, v in ROPE.items() if k[0] != "o"},
        "original_max_position_embeddings": 24,
    },
    {"rope_scaling": ROPE, "original_max_position_embeddings": 24},
    {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1},
    {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 0},
    {"use_sliding_window": True, "sliding_window": None, "max_window_layers": 0},
    {"use_sliding_window": False, "sliding_window": 5, "layer_types": ["sliding_attention"] * 2},
    {"use_sliding_window": True, "sliding_window": 5, "layer_types": ["sliding_attention"] * 2},
    {
        "use_sliding_window": True,
        "sliding_window": 5,
        "layer_types": ["full_attention", "sliding_attention"],
    },
    {
        "use_sliding_window": True,
        "sliding_window": 5,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    {"sliding_window": 5, "layer_types": ["full_attention"] * 2},
    {"sliding_window": 5, "layer_types": ["sliding_attention"] * 2},
    {"sliding_window": None, "layer_types": ["full_attention"] * 2},
    {"sliding_window": 5},
    {"sliding_window": None},
    {"sliding_window": None, "layer_types": ["sliding_attention"] * 2},
    {"layer_types": ["full_attention"] * 2},
    {"num_labels": 3, "id2label": {"0": "a", "1": "b"}},
    {"id2label": None, "num_labels": 2},
    {"id2label": None},
]


def keys_in_code(path):
    """KEY of every `config.KEY` and `getattr(config, "KEY", ...)`."""
    with open(path, encoding="utf-8") as f:
        tree = ast.parse(f.read())

    def is_config(node):
        name = (
            node.id
            if isinstance(node, ast.Name)
            else node.attr
            if isinstance(node, ast.Attribute)
            else ""
        )
        return (
            name.endswith("config")
            or (isinstance(node, ast.Call) and is_config(node.func))
            or name == "get_text_config"
        )

    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_config(node.value):
            yield node.attr
        if (
            isinstance(node, ast.Call)
            and len(node.args) >= 2
            and isinstance(node.func, ast.Name)
            and node.func.id in ("getattr", "hasattr")
            and is_config(node.args[0])
            and isinstance(node.args[1], ast.Constant)
        ):
            yield node.args[1].value
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("get", "pop")
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "kwargs"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield node.args[0].value


NOT_KEYS = {
    "architectures",
    "model_type",
    "vocab_size",
    "num_hidden_layers",
    "hidden_size",
    "intermediate_size",
    "num_attention_heads",
}  # every test sets them; other values are other shapes


def keys_of(model_type):
    config = getattr(transformers, CLASSES[model_type] + "Config")
    keys = {f.name for f in dataclasses.fields(config)}
    for path in [os.path.join("models", model_type, f"modeling_{model_type}.py")] + SHARED_CODE:
        keys.update(keys_in_code(os.path.join(ROOT, path)))
    methods = {k for k in keys if callable(getattr(config, k, None))}
    return sorted((keys | set(VERSION_4) | set(FOREIGN)) - methods - NOT_KEYS)


@pytest.fixture(scope="module", params=list(CLASSES))
def subject(request, tmp_path_factory):
    model_type = request.param
    tokenizer = {"llama": "llama3", "mistral": "mistral"}.get(model_type, "qwen")
    spec = {
        "architecture": CLASSES[model_type] + "ForTokenClassification",
        "dtype": "F32",
        "config": checkpoints.base(
            model_type,
            tokenizer,
            hidden_size=32,
            intermediate_size=48,
            max_position_embeddings=64,
            rope_theta=100.0,
            head_dim=8,
        ),
        "head": checkpoints.SCORE_BIAS,
        "extra": {"score.weight": (2, "H"), "score.bias": (2,)},
        "post": checkpoints.SOFTMAX1,
    }
    folder = str(tmp_path_factory.mktemp(model_type))
    from tokenizers import Tokenizer

    path = os.path.join(checkpoints.TOKENIZERS, tokenizer, "tokenizer.json")
    config, _ = checkpoints.write(folder, model_type, Tokenizer.from_file(path), spec=spec)
    _, tensors = twin.load_folder(folder)
    state = {k: torch.tensor(np.array(v), dtype=torch.float64) for k, v in tensors.items()}
    ids = [int(i) for i in make_checkpoints.random_ids(model_type, 40, config["vocab_size"])]
    return model_type, folder, config, state, ids


def reference(folder, state, ids):
    """raw of transformers on this config.json, or None where it cannot build or run the model."""
    try:
        config = transformers.AutoConfig.from_pretrained(folder)
        model = transformers.AutoModelForTokenClassification.from_config(
            config, dtype=torch.float64, attn_implementation="eager"
        ).eval()
        missing, _ = model.load_state_dict(state, strict=False)
        if missing:
            return None
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids])).logits[0].numpy()
        return (
            logits[:, 1] - logits[:, 0]
            if logits.shape[1] == 2 and np.isfinite(logits).all()
            else None
        )
    except Exception:
        return None


def ours(folder, ids):
    case = json.dumps({"ids": ids, "positions": list(range(len(ids)))}) + "\n"
    done = subprocess.run(
        [DRIVER, folder, "--preset", "trl-prm", "--dtype", "f32"],
        input=case.encode(),
        capture_output=True,
        timeout=60,
    )
    answer = json.loads(done.stdout or "{}")
    if "raw" in answer:
        return np.array(answer["raw"]), ""
    return None, "max_position_embeddings" if answer.get(
        "error"
    ) == "context_exceeded" else done.stderr.decode()


def differs(folder, config, change, state, ids):
    """None when all is well, else what is wrong."""
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(dict(config, **change), f)
    want = reference(folder, state, ids)
    got, message = ours(folder, ids)
    if got is None:
        inner = [k for v in change.values() if isinstance(v, dict) for k in v]
        named = any(k in message for k in [*change, *inner, "labels"])
        return None if want is None or named else f"refused without the key: {message}"
    if (
        want is None
    ):  # a sliding layer without a window is a TypeError there: nothing to be right about
        sliding = "sliding_attention" in str(change.get("layer_types")) and config[
            "model_type"
        ] in ("qwen2", "qwen3")
        return "loads; transformers cannot run it" if sliding else None
    worst = np.abs(got - want).max()
    return None if worst < 1e-4 else f"differs by {worst}"


def test_every_key_alone(subject):
    model_type, folder, config, state, ids = subject
    wrong, tried = [], 0
    for key in keys_of(model_type):
        for value in ROPE_VALUES + [None] if key in ("rope_scaling", "rope_parameters") else VALUES:
            what = differs(folder, config, {key: value}, state, ids)
            tried += 1
            if what is not None:
                wrong.append((key, value, what))
    print(model_type, "keys", len(keys_of(model_type)), "tried", tried)
    assert not wrong, "\n".join(map(str, wrong))
    assert tried > 400


def test_foreign_keys_are_ignored(subject):
    _model_type, folder, config, _state, ids = subject
    for key in FOREIGN:
        with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
            json.dump(dict(config, **{key: 0.5}), f)
        got, message = ours(folder, ids)
        assert got is not None, (key, message)


def test_keys_together(subject):
    _model_type, folder, config, state, ids = subject
    bare = {k: v for k, v in config.items() if k != "rope_theta"}
    wrong = []
    for change in PAIRS:
        for base in (config, bare):
            what = differs(folder, base, change, state, ids)
            if what is not None:
                wrong.append((change, "rope_theta" in base, what))
    assert not wrong, "\n".join(map(str, wrong))
