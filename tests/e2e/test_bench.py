"""`rewardd bench` at tiny shapes: its figures must agree with each other and with sums made here.
Speed itself is never asserted."""

import json
import math
import subprocess

import pytest

HIDDEN, LAYERS, INTER, HEADS, KV, DIM = SHAPE = (64, 2, 128, 4, 2, 16)
TOKENS, RUNS, GROUP, PROMPT = 70, 3, 4, 130
STEP = 32  # a reward is read every so many tokens and at the end
VOCAB = 4096


def bench(rewardd_bin, *options, code=0):
    done = subprocess.run(
        [rewardd_bin, "bench", *map(str, options)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == code, done.stderr
    return done


def report(rewardd_bin, *options):
    return json.loads(
        bench(rewardd_bin, "--json", "--tokens", TOKENS, "--runs", RUNS, *options).stdout
    )


@pytest.fixture(scope="module")
def shape():
    return ["--shape", ",".join(map(str, SHAPE))]


@pytest.fixture(scope="module")
def result(rewardd_bin, shape):
    return report(
        rewardd_bin,
        *shape,
        "--group",
        GROUP,
        "--prompt-tokens",
        PROMPT,
        "--dtype",
        "bf16",
        "--threads",
        2,
    )


def nearest_rank(values, q):
    return sorted(values)[max(1, math.ceil(q * len(values))) - 1]


def linear_ops(tokens, scores, shape=SHAPE):
    """Two per weight; the last layer's output projection and MLP only for rows that are read."""
    hidden, layers, inter, heads, kv, dim = shape
    front = hidden * (heads + 2 * kv) * dim
    back = hidden * heads * dim + 3 * hidden * inter
    head = 2 * hidden
    return 2 * (tokens * (layers * front + (layers - 1) * back) + scores * (back + head))


def test_has_what_the_contract_names(result):
    assert result["kernel"] and result["shape"] == ",".join(map(str, SHAPE))
    assert result["dtype"] == "bf16" and result["threads"] == 2 and result["tokens"] == TOKENS
    for name in ("tokens_per_s", "gflops", "traces_per_s", "load_ms", "resident_bytes"):
        assert result[name] > 0, name
    assert [k["name"] for k in result["kernels"]] == ["qkv", "o", "gate_up", "down", "attention"]


def test_medians_are_those_of_the_runs(result):
    found = 0

    def walk(value):
        nonlocal found
        if isinstance(value, dict) and "runs" in value:
            found += 1
            assert len(value["runs"]) == RUNS and min(value["runs"]) >= 0
            assert value["median"] == nearest_rank(value["runs"], 0.5)
        elif isinstance(value, (dict, list)):
            for part in value.values() if isinstance(value, dict) else value:
                walk(part)

    walk(result)
    assert found >= 14


def test_operations_are_counted_as_the_shape_says(result):
    scores = math.ceil(TOKENS / STEP)
    assert result["linear_gflop_per_trace"] * 1e9 == pytest.approx(linear_ops(TOKENS, scores))
    per_key = 4 * HEADS * DIM
    below = TOKENS * (TOKENS + 1) / 2
    low = per_key * (LAYERS - 1) * below
    assert low < result["attention_gflop_per_trace"] * 1e9 < per_key * LAYERS * below


def test_no_trace_finds_another_ones_tokens(rewardd_bin):
    """Of thousands of short traces over 4,096 ids many begin alike; each is still computed
    whole."""
    tiny = (16, 1, 32, 2, 1, 8)
    told = bench(
        rewardd_bin,
        "--json",
        "--skip-http",
        "--shape",
        ",".join(map(str, tiny)),
        "--tokens",
        2,
        "--runs",
        5,
        "--threads",
        1,
    )
    told = json.loads(told.stdout)
    assert told["latency_ms"]["n"] > 1000
    assert told["linear_gflop_per_trace"] * 1e9 == pytest.approx(linear_ops(2, 1, tiny))


def test_percent_is_the_limit_over_the_time(result):
    peaks = {name: p["median"] for name, p in result["peaks_gflops"].items()}
    if peaks["f32"] == 0:
        pytest.skip("no register peak is measured on this architecture")
    linear = peaks["bf16"] or peaks["f32"]
    limit_s = (result["linear_gflop_per_trace"] + result["attention_gflop_per_trace"]) / linear
    assert result["limit_ms_per_trace"] == pytest.approx(1e3 * limit_s)
    seconds = TOKENS / result["tokens_per_s"]
    assert result["percent_of_peak"] == pytest.approx(100 * limit_s / seconds)
    ops = result["linear_gflop_per_trace"] + result["attention_gflop_per_trace"]
    assert result["gflops"] == pytest.approx(ops / seconds)
    for kernel in result["kernels"]:
        peak = peaks["bf16"] or peaks["f32"]
        assert kernel["percent_of_peak"] == pytest.approx(100 * kernel["gflops"]["median"] / peak)


def test_latencies_are_ordered(result):
    for name in ("latency_ms", "first_step_ms"):
        q = result[name]
        assert 0 < q["p50"] <= q["p99"] <= q["max"] and q["n"] >= RUNS
    assert result["first_step_ms"]["p50"] <= result["latency_ms"]["p50"]


def test_a_group_shares_its_prompt(result):
    group = result["group"]
    assert group["unique_tokens"] == PROMPT + GROUP * TOKENS
    assert group["computed_tokens"] + group["cached_tokens"] == GROUP * (PROMPT + TOKENS)
    assert group["cached_tokens"] >= (GROUP - 1) * (PROMPT // 64 * 64)
    assert group["computed_per_unique"] == pytest.approx(
        group["computed_tokens"] / group["unique_tokens"]
    )
    assert group["speedup"] == pytest.approx(
        GROUP * group["alone_seconds"]["median"] / group["seconds"]["median"]
    )


def test_http_is_measured_through_a_daemon(result):
    http = result["http"]
    assert http["requests"] >= 8 and 0 < http["tokens"] <= TOKENS
    assert http["body_bytes"] > 2 * http["tokens"]
    assert http["requests_per_s"] > 0 and http["latency_ms"]["n"] == http["requests"]
    loop, total = http["loop_cpu_us_per_request"], http["total_cpu_us_per_request"]
    assert 0 < loop < total and http["compute_cpu_us_per_request"] < 1.1 * total
    assert http["overhead_percent"] == pytest.approx(100 * loop / total)


@pytest.mark.parametrize(
    "dtype,low,high", [("f32", 3.5, 4), ("bf16", 2, 2.01), ("int8", 1, 2), ("q4", 0.5, 1.7)]
)
def test_bytes_per_weight(rewardd_bin, dtype, low, high):
    # wide enough that the embedding (BF16) and the scales do not hide the linears
    r = report(rewardd_bin, "--shape", "512,4,2048,8,2,64", "--dtype", dtype, "--skip-http")
    assert r["http"] is None
    assert r["dtype"] == dtype and low <= r["bytes_per_weight"] <= high
    assert r["bytes_per_weight"] == pytest.approx(r["weight_bytes"] / r["parameters"])


def test_written_folder_is_the_shape(rewardd_bin, shape, tmp_path):
    """Other engines score the same weights: the folder on disk has the sizes and values it
    should."""
    safetensors = pytest.importorskip("safetensors.torch")
    bench(rewardd_bin, *shape, "--write-model", tmp_path)
    w = safetensors.load_file(tmp_path / "model.safetensors")
    assert w["model.embed_tokens.weight"].shape == (VOCAB, HIDDEN)
    assert w["model.layers.1.mlp.down_proj.weight"].shape == (HIDDEN, INTER)
    down = w["model.layers.0.mlp.down_proj.weight"].float()
    assert down.std().item() == pytest.approx(INTER**-0.5, rel=0.05)
    assert abs(down.mean().item()) < 0.01 and len(down.unique()) > 1000
    assert (w["model.norm.weight"] == 1).all()
    r = report(rewardd_bin, "--model", tmp_path)
    assert r["parameters"] == sum(t.numel() for t in w.values())


def test_written_tokenizer_is_what_transformers_reads(rewardd_bin, shape, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    bench(rewardd_bin, *shape, "--write-model", tmp_path)
    t = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert t.encode("each number gives the answer<|step|>").tokens[-1] == "<|step|>"
    assert len(t.encode(" number answer because").ids) <= 6
    assert t.get_vocab_size() <= VOCAB


@pytest.mark.parametrize(
    "options,word",
    [
        (["--tokenz", "5"], "tokens"),
        (["--tokens", "0"], "number"),
        (["--shape", "huge"], "known"),
        (["--shape", "64,2,128,3,2,16"], "divide"),
        (["--dtype", "fp4"], "dtype"),
        (["--runs"], "value"),
        (["--shape", "default", "--model", "x"], "not both"),
    ],
)
def test_unusable_options(rewardd_bin, options, word):
    assert word in bench(rewardd_bin, *options, code=2).stderr


def test_text_form_and_help(rewardd_bin, shape):
    text = bench(rewardd_bin, *shape, "--tokens", 40, "--runs", 1).stdout
    assert "% of the limit" in text and "gate_up" in text
    assert "--write-model" in bench(rewardd_bin, "--help").stdout
