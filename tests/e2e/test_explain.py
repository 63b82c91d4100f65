"""`rewardd explain` shows the text, ids and places that scoring uses; wrong folders get a cure."""

import json
import os
import shutil
import subprocess

import pytest

BIN = os.environ.get("REWARDD_BIN", "")
MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "models")
pytestmark = pytest.mark.skipif(not BIN, reason="REWARDD_BIN does not name the daemon")


def models():
    return sorted(
        os.path.join(MODELS, d)
        for d in os.listdir(MODELS)
        if os.path.exists(os.path.join(MODELS, d, "config.json"))
    )


def explain(*arguments, env=None):
    return subprocess.run(
        [BIN, "explain", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **(env or {})},
    )


@pytest.mark.parametrize("model", models())
def test_the_places_are_those_of_the_steps(model):
    steps = ["2 + 3 = 5.", "So the answer is 5."]
    done = explain(
        "--model", model, "--prompt", "What is 2+3?", "--steps", json.dumps(steps), "--json"
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert "".join(seen["tokens"]) == seen["rendered"]
    assert len(seen["ids"]) == len(seen["tokens"])
    assert all(s in seen["rendered"] for s in [*steps, "What is 2+3?"])
    assert len(seen["read_at"]) == (2 if seen["kind"] == "process" else 1)
    assert seen["evidence"]
    assert len(seen["pieces"]) == len(seen["ids"]) and all(seen["pieces"])
    for text, piece in zip(seen["tokens"], seen["pieces"], strict=True):
        assert piece == text or text == ""
    before = "".join(seen["tokens"][: seen["read_at"][0] + 1])
    assert steps[0] in before
    text = explain("--model", model, "--prompt", "What is 2+3?", "--steps", json.dumps(steps))
    assert "[[reward" in text.stdout and seen["preset"] in text.stdout
    messages = json.dumps([{"role": "user", "content": "What is 2+3?"}])
    same = explain("--model", model, "--messages", messages, "--steps", json.dumps(steps), "--json")
    assert same.stdout == done.stdout


def test_turns_without_a_place_as_the_daemon_reads_them():
    """roles=auto unless said; prompts in a chat template, parts and a developer's turn too."""
    model = next(m for m in models() if "prm" in m)
    trace = ("--trace", "2 + 3 = 5", "--json")

    def of(*arguments):
        done = explain("--model", model, *arguments, *trace)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def messages(*turns):
        return "--messages", json.dumps([{"role": r, "content": c} for r, c in turns])

    alone = of("--prompt", "What is 2+3?")
    assert (alone["system_dropped"], alone["turns_folded"]) == (0, 0)
    chat = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is 2+3?<|im_end|>\n"
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "2+3?"}]
    for arguments in [
        ("--prompt", chat + "<|im_start|>assistant\n"),
        messages(("system", "Be brief."), ("user", "What is 2+3?")),
        messages(("developer", "Be brief."), ("user", parts)),
    ]:
        seen = of(*arguments)
        assert seen["ids"] == alone["ids"] and seen["system_dropped"] == 1
        policy = of(*arguments, "--roles", "policy")
        assert policy["rendered"].startswith("Be brief.\n\nWhat is 2+3?")
        assert policy["turns_folded"] == 1
        done = explain("--model", model, *arguments, *trace, "--roles", "error")
        assert done.returncode != 0 and "no place" in done.stderr
    shown = explain("--model", model, "--prompt", chat, "--trace", "5").stdout
    assert "1 system turns have no place" in shown
    assert explain("--model", model, "--prompt", "a", *trace, "--roles", "x").returncode == 2
    done = explain("--model", model, "--messages", '[{"role":"user","contents":"a"}]', *trace)
    assert done.returncode != 0 and "contents" in done.stderr


def test_tokens_without_text_are_named():
    """Markers that the recipe adds by id, and bytes of a character that several tokens share."""
    model = next(m for m in models() if "prm" in m)
    arguments = ("--model", model, "--prompt", "1🙂", "--steps", '["2"]')
    seen = json.loads(explain(*arguments, "--json").stdout)
    for text, piece in zip(seen["tokens"], seen["pieces"], strict=True):
        assert piece == text if text.isascii() and text else piece
    assert "<|step|>" in seen["pieces"] and "".join(seen["pieces"]).count("\\xf0") == 1
    shown = explain(*arguments).stdout
    assert "[id " not in shown and "1🙂" in shown and "<|step|>[[reward 1]]" in shown
    assert "\\x9f\n" in shown


def test_arguments_are_checked():
    assert explain("--model", models()[0], "--prompt", "a").returncode == 2
    for steps in ("{", "{}", "[1]"):
        done = explain("--model", models()[0], "--prompt", "a", "--steps", steps)
        assert done.returncode != 0 and "--steps" in done.stderr


def complaint(path, env=None):
    done = explain("--model", str(path), "--prompt", "a", "--trace", "b", env=env)
    assert done.returncode != 0
    return done.stderr


def test_a_wrong_folder_says_what_it_is(tmp_path):
    assert "there is no folder" in complaint(tmp_path / "none")
    assert "hf download org/name --local-dir name" in complaint(
        "org/name", {"HF_HOME": str(tmp_path)}
    )
    (tmp_path / "empty").mkdir()
    assert "is empty" in complaint(tmp_path / "empty")
    gguf = tmp_path / "gguf"
    gguf.mkdir()
    (gguf / "x.gguf").write_bytes(b"GGUF")
    assert "GGUF" in complaint(gguf) and "GGUF" in complaint(gguf / "x.gguf")
    outer = tmp_path / "outer"
    for n in (9, 100):
        shutil.copytree(models()[0], outer / f"checkpoint-{n}")
    assert f"--model {outer}/checkpoint-100" in complaint(outer)
    file = outer / "checkpoint-9" / "model.safetensors"
    assert f"--model {outer}/checkpoint-9" in complaint(file)
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    told = complaint(outer / "checkpoint-9")
    assert "git-lfs pointer" in told and "lfs pull" in told
    file.unlink()
    (outer / "checkpoint-9" / "model_world_size_2_rank_0.pt").write_bytes(b"x")
    assert "verl.model_merger" in complaint(outer / "checkpoint-9")


def test_the_hugging_face_cache(tmp_path):
    cached = tmp_path / "hub" / "models--org--name"
    shutil.copytree(models()[0], cached / "snapshots" / "abc123")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc123")
    for env in ({"HF_HOME": str(tmp_path)}, {"HF_HUB_CACHE": str(tmp_path / "hub")}):
        done = explain("--model", "org/name", "--prompt", "a", "--trace", "b", env=env)
        assert done.returncode == 0, done.stderr
    assert "snapshots/abc123" in complaint(cached)
    assert "--model org/name" in complaint(tmp_path / "hub")


def test_presets_and_every_fault(tmp_path):
    listed = subprocess.run([BIN, "--presets"], capture_output=True, text=True)
    assert listed.returncode == 0 and "qwen2.5-math-prm" in listed.stdout
    assert all(" reward, head " in line and "?" not in line for line in listed.stdout.splitlines())
    done = subprocess.run(
        [BIN, "--check-config", "--model", str(tmp_path / "a"), "--model", models()[0]]
        + ["--model", str(tmp_path / "b"), "--listen", "0.0.0.0:1"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "can be used" not in done.stdout
    for fault in ("no API key", str(tmp_path / "a"), str(tmp_path / "b")):
        assert fault in done.stderr
