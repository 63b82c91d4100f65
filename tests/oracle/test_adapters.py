"""LoRA folders of peft against peft itself: float64 scores of PeftModel, within 1e-4.

RW_SCORE=build/tests/rw-score pytest tests/oracle/test_adapters.py

Bases and adapters are made here, by transformers and peft, in the files these libraries write.
What is refused must be refused by name: an adapter that is half applied is a wrong score.
"""

import json
import os
import shutil
import subprocess

import checkpoints
import pytest

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("REWARDD_BUILD", "")
DRIVER = os.environ.get("RW_SCORE", os.path.join(BUILD, "tests", "rw-score") if BUILD else "")
pytestmark = pytest.mark.skipif(not DRIVER, reason="RW_SCORE does not name the rw-score program")
TOLERANCE = 1e-4
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def make_base(folder, labels=1, kind="Qwen2", tokens=False, causal=False, bias=None):
    config_class = getattr(transformers, kind + "Config")
    config = config_class(
        vocab_size=600,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        num_labels=labels,
        pad_token_id=0,
        tie_word_embeddings=False,
    )
    if bias is not None:
        config.attention_bias = bias
    what = "CausalLM" if causal else "TokenClassification" if tokens else "SequenceClassification"
    torch.manual_seed(5)
    model = getattr(transformers, f"{kind}For{what}")(config)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.randn_like(p) * (0.3 if p.dim() > 1 else 0.2))
            if "norm" in name:
                p.add_(1.0)
            if name == "score.bias":
                p.zero_()  # transformers' sequence head has none
    model.save_pretrained(folder)
    shutil.copy(os.path.join(HERE, "..", "golden", "tokenizers", "qwen", "tokenizer.json"), folder)
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as f:
        json.dump({"chat_template": checkpoints.CHATML_PLAIN, "eos_token": "<|im_end|>"}, f)
    return model


def randomise(model):
    torch.manual_seed(9)
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(torch.randn_like(p) * 0.1)


def adapt(base, folder, config):
    model = peft.get_peft_model(base, config)
    randomise(model)
    model.save_pretrained(folder)
    return model


def cases(n=4):
    rng = np.random.default_rng(3)
    return [[int(x) for x in rng.integers(1, 400, size)] for size in (3, 17, 60, 200)[:n]]


def reference(model, ids):
    model = model.double().eval()
    with torch.no_grad():
        out = model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)))
    logits = out.logits[0]
    return logits[-1] if logits.dim() == 2 else logits


def run(folder, *options, n=4):
    lines = "".join(
        json.dumps({"ids": ids, "positions": [len(ids) - 1]}) + "\n" for ids in cases(n)
    )
    return subprocess.run(
        [DRIVER, str(folder), "--dtype", "f32", *options],
        input=lines.encode(),
        capture_output=True,
        timeout=300,
    )


def compare(model, folder, *options, two=False):
    done = run(folder, *options)
    got = [json.loads(x) for x in done.stdout.decode().splitlines()]
    assert len(got) == 4, done.stderr.decode()
    moved = 0.0
    for ids, g in zip(cases(), got):
        assert "error" not in g, g
        expected = reference(model, ids)
        value = float(expected[1] - expected[0]) if two else float(expected[0])
        assert abs(g["raw"][0] - value) < TOLERANCE, (len(ids), g["raw"][0], value)
        with model.disable_adapter():
            plain = reference(model, ids)
        moved = max(moved, float((plain - expected).abs().max()))
    assert moved > 0.05, "the adapter moves nothing: this would test nothing"


CONFIGS = {
    "plain": dict(target_modules=LINEARS, r=4, lora_alpha=16),
    "rslora": dict(target_modules=LINEARS, r=8, lora_alpha=16, use_rslora=True),
    "all-linear": dict(target_modules="all-linear", r=3, lora_alpha=5),
    "regex": dict(target_modules=r".*\.(q|v)_proj", r=4),
    "two modules": dict(target_modules=["q_proj", "mlp.down_proj"], r=2, lora_alpha=7),
    "rank and alpha by pattern": dict(
        target_modules=LINEARS,
        r=4,
        lora_alpha=8,
        rank_pattern={"q_proj": 6, "layers.1.mlp.up_proj": 2, r".*layers\.2\.mlp\.gate_proj": 5},
        alpha_pattern={"k_proj": 20, r"layers\.[01]\.self_attn\.v_proj": 3, "^nothing": 1},
    ),
    "some layers": dict(target_modules=LINEARS, r=4, layers_to_transform=[0, 2]),
    "one layer": dict(target_modules=LINEARS, r=4, layers_to_transform=1),
    "bias all": dict(target_modules=LINEARS, r=4, bias="all"),
    "bias lora_only": dict(target_modules=["q_proj", "v_proj"], r=4, bias="lora_only"),
    "norms saved": dict(target_modules=["q_proj"], r=4, modules_to_save=["score", "norm"]),
    "embedding saved": dict(
        target_modules=["v_proj"], r=4, modules_to_save=["embed_tokens", "score"]
    ),
    "fan_in_fan_out": dict(target_modules=LINEARS, r=4, fan_in_fan_out=True),
    "excluded": dict(target_modules=LINEARS, r=4, exclude_modules=["o_proj"]),
    "excluded by regex": dict(
        target_modules="all-linear", r=4, exclude_modules=r".*\.(o|k)_proj|.*layers\.1\..*"
    ),
    "regex of groups": dict(
        target_modules=r"^(?!.*\.1\.).*(?:self_attn\.[qkv]|mlp\.(?:up|down))_proj$", r=4
    ),
    "regex with counts": dict(target_modules=r"model\.\w{6}\.[^01]\.[a-z_]+\.\w+?_proj", r=4),
    "patterns of groups": dict(
        target_modules=LINEARS,
        r=4,
        lora_alpha=8,
        rank_pattern={"(q|k)_proj": 6, r"model\.layers\.(0|2)\.mlp\.(up|gate)_proj": 2},
        alpha_pattern={r"^model\.layers\.\d+\.self_attn\.v_proj": 3, "(?:up|down)_proj": 30},
    ),
    "layers by pattern": dict(
        target_modules=LINEARS, r=4, layers_to_transform=[1], layers_pattern="layers"
    ),
    "full names": dict(
        target_modules=["model.layers.0.self_attn.q_proj", "layers.2.mlp.up_proj"], r=4
    ),
    "gaussian": dict(target_modules=LINEARS, r=4, init_lora_weights="gaussian"),
}


@pytest.mark.parametrize("name", list(CONFIGS))
@pytest.mark.parametrize("beside", [False, True], ids=["base=", "beside"])
def test_sequence_classifiers(tmp_path, name, beside):
    base = make_base(tmp_path / "base")
    config = peft.LoraConfig(task_type="SEQ_CLS", **CONFIGS[name])
    folder = tmp_path / ("base" if beside else "adapter")
    model = adapt(base, folder, config)
    compare(model, folder, *([] if beside else ["--base", str(tmp_path / "base")]))


@pytest.mark.parametrize("kind", ["Llama", "Mistral", "Qwen3"])
def test_backbones(tmp_path, kind):
    base = make_base(tmp_path / "base", kind=kind)
    model = adapt(
        base,
        tmp_path / "adapter",
        peft.LoraConfig(task_type="SEQ_CLS", target_modules=LINEARS, r=4, lora_alpha=9),
    )
    named = ["--preset", "seqcls"] if kind == "Qwen3" else []  # its class leaves several recipes
    compare(model, tmp_path / "adapter", "--base", str(tmp_path / "base"), *named)


def test_token_classifier(tmp_path):
    base = make_base(tmp_path / "base", labels=2, tokens=True)
    with open(tmp_path / "base" / "config.json") as f:
        config = json.load(f)
    config.pop("id2label", None), config.pop("label2id", None)
    with open(tmp_path / "base" / "config.json", "w") as f:
        json.dump(config, f)
    model = adapt(
        base,
        tmp_path / "adapter",
        peft.LoraConfig(task_type="TOKEN_CLS", target_modules=LINEARS, r=4),
    )
    compare(
        model,
        tmp_path / "adapter",
        "--base",
        str(tmp_path / "base"),
        "--preset",
        "trl-prm",
        two=True,
    )


def test_a_classifier_on_a_causal_base(tmp_path):
    """What TRL's RewardTrainer with peft leaves: the base is the causal model, the head is ours."""
    make_base(tmp_path / "base", causal=True)
    base = transformers.AutoModelForSequenceClassification.from_pretrained(
        tmp_path / "base", num_labels=1
    )
    model = adapt(
        base,
        tmp_path / "adapter",
        peft.LoraConfig(task_type="SEQ_CLS", target_modules=["q_proj", "v_proj"], r=4),
    )
    compare(model, tmp_path / "adapter", "--base", str(tmp_path / "base"))


REFUSED = {
    "DoRA": (dict(use_dora=True), "DoRA"),
    "PiSSA": (dict(init_lora_weights="pissa"), "pissa"),
    "lora_bias": (dict(lora_bias=True, bias="none"), "lora_bias"),
    "embedding": (dict(target_modules=["embed_tokens", "q_proj"]), "lora_embedding"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_variants_of_lora_are_refused(tmp_path, name):
    more, named = REFUSED[name]
    base = make_base(tmp_path / "base")
    adapt(
        base,
        tmp_path / "adapter",
        peft.LoraConfig(**{"task_type": "SEQ_CLS", "target_modules": ["q_proj"], "r": 4, **more}),
    )
    done = run(tmp_path / "adapter", "--base", str(tmp_path / "base"))
    assert done.returncode != 0 and b'"raw"' not in done.stdout
    assert named in done.stderr.decode() and "adapter_config.json" in done.stderr.decode()


@pytest.mark.parametrize(
    "key, value",
    [("lora_alpha", "16"), ("lora_alpha", None), ("r", "4"), ("r", 0), ("r", 4.5)]
    + [("use_rslora", "yes"), ("alpha_pattern", ["q_proj"]), ("rank_pattern", 4)],
)
def test_a_scale_that_cannot_be_read_is_no_default(tmp_path, key, value):
    base = make_base(tmp_path / "base")
    folder = tmp_path / "adapter"
    adapt(base, folder, peft.LoraConfig(task_type="SEQ_CLS", target_modules=["q_proj"], r=4))
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, key: value}))
    done = run(folder, "--base", str(tmp_path / "base"))
    assert done.returncode != 0 and b'"raw"' not in done.stdout
    assert f"adapter_config.json: {key} is not" in done.stderr.decode()


# config -> what peft leaves out of the saved factors of q_proj, up_proj (all layers)
LEFT_OUT = {
    "a narrower list": {"target_modules": ["up_proj"]},
    "a narrower regex": {"target_modules": r".*\.up_proj"},
    "a regex that ends early": {"target_modules": r"model\.layers\.\d+\.self_attn"},
    "excluded": {"exclude_modules": ["q_proj"]},
    "excluded by regex": {"exclude_modules": r".*layers\.1\.self_attn.*"},
    "other layers": {"layers_to_transform": [0]},
    "layers called otherwise": {"layers_to_transform": [0, 1, 2], "layers_pattern": "blocks"},
    "saved whole": {"modules_to_save": ["score", "up_proj"]},
    "no targets": {"target_modules": None},
}


@pytest.mark.parametrize("name", list(LEFT_OUT))
def test_factors_that_peft_leaves_out_are_refused(tmp_path, name):
    base = make_base(tmp_path / "base")
    folder = tmp_path / "adapter"
    config = peft.LoraConfig(task_type="SEQ_CLS", target_modules=["q_proj", "up_proj"], r=4)
    adapt(base, folder, config)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | LEFT_OUT[name]))
    done = run(folder, "--base", str(tmp_path / "base"))
    assert done.returncode != 0 and b'"raw"' not in done.stdout
    assert "does not target" in done.stderr.decode()


@pytest.mark.parametrize(
    "pattern", [r"(.)\1_proj", r"(?<=a)b", r"(?i)Q_PROJ", "q_proj++", "[", "(", "a{2", r"\bq", "*"]
)
def test_patterns_that_are_not_read_are_refused(tmp_path, pattern):
    base = make_base(tmp_path / "base")
    folder = tmp_path / "adapter"
    adapt(base, folder, peft.LoraConfig(task_type="SEQ_CLS", target_modules=["q_proj"], r=4))
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"target_modules": pattern}))
    done = run(folder, "--base", str(tmp_path / "base"))
    assert done.returncode != 0 and b'"raw"' not in done.stdout
    assert "is not one we read" in done.stderr.decode()


@pytest.mark.parametrize("change", ["outer", "inner"])
def test_tensors_under_a_name_that_peft_does_not_read(tmp_path, change):
    from safetensors.torch import load_file, save_file

    base = make_base(tmp_path / "base")
    folder = tmp_path / "adapter"
    config = peft.LoraConfig(task_type="SEQ_CLS", target_modules=["q_proj"], r=4, bias="all")
    adapt(base, folder, config)
    path = folder / "adapter_model.safetensors"
    old = "self_attn.q_proj.base_layer.bias"
    new = "self_attn.q_proj.bias"
    if change == "inner":
        old, new = "self_attn.k_proj.bias", "self_attn.k_proj.base_layer.bias"
    tensors = {k.replace(old, new): v for k, v in load_file(path).items()}
    assert any(k.endswith(new) for k in tensors)
    save_file(tensors, path, metadata={"format": "pt"})
    done = run(folder, "--base", str(tmp_path / "base"))
    assert done.returncode != 0 and b'"raw"' not in done.stdout
    assert "is not where peft reads it" in done.stderr.decode()


OTHER = {
    "IA3": lambda: peft.IA3Config(
        task_type="SEQ_CLS", target_modules=["k_proj"], feedforward_modules=[]
    ),
    "ADALORA": lambda: peft.AdaLoraConfig(
        task_type="SEQ_CLS", target_modules=["q_proj"], total_step=10
    ),
    "VERA": lambda: peft.VeraConfig(task_type="SEQ_CLS", target_modules=["q_proj"], r=4),
    "PROMPT_TUNING": lambda: peft.PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=4),
    "LOHA": lambda: peft.LoHaConfig(task_type="SEQ_CLS", target_modules=["q_proj"]),
}


@pytest.mark.parametrize("method", list(OTHER))
@pytest.mark.parametrize("beside", [False, True], ids=["base=", "beside"])
def test_other_methods_are_refused_by_name(tmp_path, method, beside):
    base = make_base(tmp_path / "base")
    folder = tmp_path / ("base" if beside else "adapter")
    adapt(base, folder, OTHER[method]())
    done = run(folder, *([] if beside else ["--base", str(tmp_path / "base")]))
    assert done.returncode != 0 and b'"raw"' not in done.stdout
    assert method in done.stderr.decode()


def test_a_lone_adapter_says_what_it_needs(tmp_path):
    base = make_base(tmp_path / "base")
    adapt(
        base,
        tmp_path / "adapter",
        peft.LoraConfig(task_type="SEQ_CLS", target_modules=["q_proj"], r=4),
    )
    done = run(tmp_path / "adapter")
    assert done.returncode != 0 and "LoRA adapter without its base" in done.stderr.decode()


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "base_model.model.", "module._orig_mod.", "bare", "twice"]
)
def test_prefixes(tmp_path, prefix):
    from safetensors.torch import load_file, save_file

    model = make_base(tmp_path / "m")
    path = tmp_path / "m" / "model.safetensors"
    plain = run(tmp_path / "m").stdout
    tensors = load_file(path)
    if prefix == "bare":
        named = {k.removeprefix("model."): v for k, v in tensors.items()}
    elif prefix == "twice":
        named = {("model." + k if k.startswith("model.") else k): v for k, v in tensors.items()}
    else:
        named = {prefix + k: v for k, v in tensors.items()}
    save_file(named, path, metadata={"format": "pt"})
    assert model is not None and plain
    assert run(tmp_path / "m").stdout == plain


@pytest.mark.parametrize("how", ["safetensors", "bin"])
def test_the_value_head_of_llamafactory(tmp_path, how):
    from safetensors.torch import save_file

    make_base(tmp_path / "m", causal=True)
    torch.manual_seed(11)
    head = {
        "v_head.summary.weight": torch.randn(1, 64) * 0.3,
        "v_head.summary.bias": torch.tensor([0.25]),
    }
    if how == "bin":
        torch.save(head, tmp_path / "m" / "value_head.bin")
    else:
        save_file(head, tmp_path / "m" / "value_head.safetensors")
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "m", dtype=torch.float64)
    done = run(tmp_path / "m", "--preset", "llamafactory-rm")
    got = [json.loads(x) for x in done.stdout.decode().splitlines()]
    assert len(got) == 4, done.stderr.decode()
    for ids, g in zip(cases(), got):
        with torch.no_grad():
            hidden = model.model(input_ids=torch.tensor([ids])).last_hidden_state[0, -1]
        weight, bias = (t.double() for t in head.values())
        assert abs(g["raw"][0] - float(hidden @ weight[0] + bias[0])) < TOLERANCE
