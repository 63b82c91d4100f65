"""Which evidence chose a model's recipe, and how far quantised weights agree with BF16: said in the
banner, in the log and in /v1/models. Folders whose files contradict one another are refused."""

import json
import os
import shutil
import subprocess
import urllib.request

import pytest
from daemon import Daemon

SCORES = os.path.join(os.path.dirname(__file__), "..", "golden", "scores")
TOKENIZERS = os.path.join(os.path.dirname(__file__), "..", "golden", "tokenizers")


def folder_of(name, to):
    """A committed tiny checkpoint with its tokenizer, as a user has it."""
    shutil.copytree(os.path.join(SCORES, name), to)
    with open(os.path.join(to, "expected.json"), encoding="utf-8") as f:
        kind = json.load(f)["tokenizer"]
    shutil.copy(os.path.join(TOKENIZERS, kind, "tokenizer.json"), to)
    return to


def change(folder, name="config.json", drop=(), **keys):
    path = os.path.join(folder, name)
    with open(path, encoding="utf-8") as f:
        value = json.load(f)
    value.update(keys)
    for key in drop:
        del value[key]
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f)


def check(rewardd_bin, folder, options=""):
    """What --check-config says: (exit status, text)."""
    done = subprocess.run(
        [rewardd_bin, "--check-config", "--model", str(folder) + options],
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stdout + done.stderr


def test_evidence(rewardd_bin, tmp_path):
    cache = tmp_path / "models--nvidia--AceMath-7B-RM" / "snapshots" / "abc"
    folder_of("AceMath-7B-RM", cache)
    change(cache, drop=["_name_or_path"])
    link = tmp_path / "model"
    link.symlink_to(cache)
    prm = folder_of("Skywork-o1-Open-PRM-Qwen-2.5-1.5B", tmp_path / "anything")
    with Daemon([link, prm]) as d:
        d.wait_ready()
        with urllib.request.urlopen(d.url + "/v1/models", timeout=10) as reply:
            models = {m["id"]: m for m in json.load(reply)["data"]}
        assert models["model"]["preset"] == "acemath-rm"
        assert models["model"]["preset_evidence"] == "Hugging Face cache of nvidia/AceMath-7B-RM"
        assert models["anything"]["preset_evidence"] == "class Qwen2ForPrmModel"
        assert models["anything"]["bf16_agreement"] is None
        assert "acemath-rm (Hugging Face cache of nvidia/AceMath-7B-RM)" in d.log
        assert 'evidence="class Qwen2ForPrmModel"' in d.log


@pytest.mark.parametrize("dtype", ["int8", "q4"])
def test_agreement(rewardd_bin, tmp_path, dtype):
    prm = folder_of("Qwen2.5-Math-PRM-7B", tmp_path / "prm")
    with Daemon([f"{prm},dtype={dtype}"]) as d:
        d.wait_ready()
        with urllib.request.urlopen(d.url + "/v1/models", timeout=10) as reply:
            agreement = json.load(reply)["data"][0]["bf16_agreement"]
        assert 0 < agreement["equal_verdicts"] <= agreement["reads"]
        assert 0 < agreement["worst_difference"] < 0.5
        assert 0 < agreement["tokens"] <= 512
        assert (
            f"{dtype} against bf16: {agreement['equal_verdicts']} of {agreement['reads']}" in d.log
        )
    with Daemon([f"{prm},dtype={dtype}"], "--skip-agreement") as d:
        d.wait_ready()
        with urllib.request.urlopen(d.url + "/v1/models", timeout=10) as reply:
            assert json.load(reply)["data"][0]["bf16_agreement"] is None
        assert "against bf16" not in d.log


# A change to a folder that loads, and a word of the sentence that refuses it.
CONTRADICTIONS = [
    ("AceMath-7B-RM", dict(drop=["_name_or_path"]), "preset=acemath-rm"),
    ("PURE-PRM-7B", dict(_name_or_path="my/model"), "preset=trl-prm-nlnl"),
    ("PURE-PRM-7B", dict(id2label={"0": "red", "1": "green"}), "id2label"),
    ("my-trl-rm", dict(id2label={"0": "toxic"}), "id2label"),
    ("my-trl-rm", dict(drop=["id2label"]), "labels"),
    ("my-trl-rm", dict(is_causal=False), "is_causal"),
    ("my-trl-rm", dict(auto_map={"AutoModel": "m.M"}), "auto_map"),
    ("my-trl-rm", dict(architectures=["MyQwen2ForSequenceClassification"]), "name a preset"),
    ("Qwen2.5-Math-PRM-7B", dict(auto_map={"AutoModel": "m.M"}, temper=2.0), "temper"),
    ("internlm2-1_8b-reward", dict(_name_or_path="internlm/POLAR-7B"), "POLAR"),
    ("Qwen2.5-Math-RM-72B", dict(_name_or_path="infly/Universal-PRM-7B"), "Universal-PRM"),
    ("RLHFlow-Llama3.1-8B-PRM-Mistral-Data", dict(tie_word_embeddings=True), "tie_word_embeddings"),
]


@pytest.mark.parametrize("name, changes, word", CONTRADICTIONS)
def test_refused(rewardd_bin, tmp_path, name, changes, word):
    folder = folder_of(name, tmp_path / "model")
    assert check(rewardd_bin, folder)[0] == 0
    change(folder, **changes)
    code, text = check(rewardd_bin, folder)
    assert code != 0, text
    assert word in text


def test_cures(rewardd_bin, tmp_path):
    folder = folder_of("PURE-PRM-7B", tmp_path / "model")
    change(folder, _name_or_path="my/model")
    code, text = check(rewardd_bin, folder, ",preset=trl-prm")
    assert code == 0, text
    assert "preset trl-prm (preset= of the configuration)" in text
    change(folder, auto_map={"AutoModel": "m.M"}, temper=2.0)
    assert check(rewardd_bin, folder, ",preset=trl-prm")[0] != 0
    with open(os.path.join(folder, "rewardd.json"), "w", encoding="utf-8") as f:
        json.dump({"rewardd": 1, "preset": "trl-prm", "ignore_config": ["temper"]}, f)
    code, text = check(rewardd_bin, folder)
    assert code == 0, text


def test_unknown_keys_are_named_once(rewardd_bin, tmp_path):
    folder = folder_of("my-trl-rm", tmp_path / "model")
    change(folder, logit_spice=3)
    code, text = check(rewardd_bin, folder)
    assert code == 0
    assert text.count("logit_spice") == 1


def test_template_without_default_and_missing_config(rewardd_bin, tmp_path):
    folder = folder_of("my-trl-rm", tmp_path / "model")
    change(folder, "tokenizer_config.json", chat_template=[{"name": "tool", "template": "x"}])
    code, text = check(rewardd_bin, folder)
    assert code != 0 and "default" in text
    os.remove(os.path.join(folder, "tokenizer_config.json"))
    code, text = check(rewardd_bin, folder)
    assert code != 0 and "tokenizer_config.json is missing" in text


def test_id2label_says_which_class_is_good(rewardd_bin, tmp_path):
    folder = folder_of("PURE-PRM-7B", tmp_path / "plain")
    swapped = folder_of("PURE-PRM-7B", tmp_path / "swapped")
    change(swapped, id2label={"0": "correct", "1": "incorrect"})
    with Daemon([folder, swapped]) as d:
        d.wait_ready()
        body = {"prompt": "2+2?", "trace": {"steps": ["2+2=4", "so 4"]}}
        reward = [
            [s["reward"] for s in d.post("/v1/rewards", dict(body, model=m))["results"][0]["steps"]]
            for m in ("plain", "swapped")
        ]
        assert reward[0] == pytest.approx([1 - r for r in reward[1]], abs=1e-5)


def test_embeddings_smaller_than_the_tokenizer(rewardd_bin, tmp_path):
    folder = folder_of("my-trl-rm", tmp_path / "model")
    tokenizer = json.load(open(os.path.join(folder, "tokenizer.json"), encoding="utf-8"))
    vocab = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {k: (v if v < 460 else v + 60) for k, v in vocab.items()}
    for token in tokenizer["added_tokens"]:
        token["id"] += 60
    with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as f:
        json.dump(tokenizer, f)
    code, text = check(rewardd_bin, folder)
    assert code != 0 and "embeddings" in text, text


def test_a_token_of_the_template_without_an_embedding(rewardd_bin, tmp_path):
    folder = folder_of("my-trl-rm", tmp_path / "model")
    path = os.path.join(folder, "tokenizer.json")
    with open(path, encoding="utf-8") as f:
        tokenizer = json.load(f)
    for token in tokenizer["added_tokens"]:
        token["id"] += 60
    with open(path, "w", encoding="utf-8") as f:
        json.dump(tokenizer, f)
    code, text = check(rewardd_bin, folder)
    assert code != 0 and "embeddings" in text, text


@pytest.mark.parametrize("file", ["tokenizer_config.json", "added_tokens.json"])
def test_tokens_that_tokenizer_json_lacks(rewardd_bin, tmp_path, file):
    folder = folder_of("my-trl-rm", tmp_path / "model")
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as f:
        last = max(t["id"] for t in json.load(f)["added_tokens"])
    extra = {str(last + 1): {"content": "<calc>", "special": False, "normalized": False}}
    body = {"prompt": "1?", "trace": {"steps": ["<calc><calc><calc>"]}}
    tokens = []
    for _ in range(2):
        with Daemon([folder]) as d:
            d.wait_ready()
            tokens.append(d.post("/v1/rewards", body)["usage"]["scored_tokens"])
        if file == "added_tokens.json":
            with open(os.path.join(folder, file), "w", encoding="utf-8") as f:
                json.dump({"<calc>": last + 1}, f)
        else:
            change(folder, file, added_tokens_decoder=extra)
    assert tokens[1] < tokens[0] - 5
    extra_wrong = {str(last + 3): {"content": "<calc>"}}
    change(folder, "tokenizer_config.json", added_tokens_decoder=extra_wrong)
    code, text = check(rewardd_bin, folder)
    assert code != 0 and "<calc>" in text


def test_empty_steps_where_the_recipe_scores_them(rewardd_bin, tmp_path):
    """Skywork puts a newline behind each line, and reads a reward there, also of empty ones."""
    keeps = folder_of("Skywork-o1-Open-PRM-Qwen-2.5-1.5B", tmp_path / "keeps")
    drops = folder_of("PURE-PRM-7B", tmp_path / "drops")
    outcome = folder_of("my-trl-rm", tmp_path / "outcome")
    steps = {"prompt": "q?", "trace": {"steps": ["a", "", "b"]}}
    text = {"prompt": "q?", "trace": {"text": "a\n\nb"}}
    with Daemon([keeps, drops, outcome]) as d:
        d.wait_ready()
        rewards = [
            [s["raw"] for s in d.post("/v1/rewards", dict(b, model="keeps"))["results"][0]["steps"]]
            for b in (steps, text)
        ]
        assert len(rewards[0]) == 3 and rewards[0] == rewards[1]
        for name, field in (("drops", "model"), ("outcome", "outcome_model")):
            result = d.post("/v1/rewards", dict(steps, **{field: name}))["results"][0]
            part = result["process" if field == "model" else "outcome"]
            assert part["error"]["code"] == "empty_trace"
            assert part["error"]["param"].endswith("steps[1]")
