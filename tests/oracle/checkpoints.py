"""The tiny random checkpoints of the tests: every backbone x head we claim, in the real file
format.

A spec says what a real checkpoint of that family looks like: architecture string, config keys,
tensor names and shapes, dtype and sharding. Weights come from weights.py, the tokenizer from
tests/golden/tokenizers.
"""

import json
import os
import shutil

import numpy as np
import weights

HERE = os.path.dirname(os.path.abspath(__file__))
TOKENIZERS = os.path.join(HERE, "..", "golden", "tokenizers")

MATH_SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."
CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nDEFAULT<|im_end|>\\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
    "'\\n' }}{% endfor %}"
)
CHATML_PLAIN = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] "
    "+ '<|im_end|>' + '\\n' }}{% endfor %}"
)
CHATML_BOS = "{{ bos_token }}" + CHATML_PLAIN
CHATML_THINK = (
    "{%- set ns = namespace(last_query_index=messages|length - 1) %}"
    "{%- for message in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}"
    "{%- if message.role == 'user' and ns.last_query_index == messages|length - 1 %}"
    "{%- set ns.last_query_index = index %}{%- endif %}{%- endfor %}"
    "{%- for message in messages %}{%- set content = message.content %}"
    "{%- if message.role == 'assistant' %}{%- set reasoning_content = '' %}"
    "{%- if '</think>' in content %}"
    "{%- set reasoning_content = "
    "content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}"
    "{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}"
    "{%- if loop.index0 > ns.last_query_index %}"
    "{{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') "
    "+ '\\n</think>\\n\\n' "
    "+ content.lstrip('\\n') }}{%- else %}{{- '<|im_start|>' + message.role + '\\n' + "
    "content }}{%- endif %}"
    "{{- '<|im_end|>\\n' }}{%- else %}"
    "{{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}{%- "
    "endif %}{%- endfor %}"
)
LLAMA3 = (
    "{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
)
LLAMA3_DATED = (
    "{{- bos_token }}{%- set date_string = \"26 Jul 2024\" %}{%- if messages[0]['role'] == "
    "'system' %}"
    "{%- set system_message = messages[0]['content']|trim %}{%- set messages = "
    "messages[1:] %}{%- else %}"
    '{%- set system_message = "" %}{%- endif %}{{- "<|start_header_id|>system<|'
    'end_header_id|>\\n\\n" }}'
    '{{- "Cutting Knowledge Date: December 2023\\n" }}{{- "Today Date: " + date_string + '
    '"\\n\\n" }}'
    '{{- system_message }}{{- "<|eot_id|>" }}{%- for message in messages %}'
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ "
    "message['content'] | trim "
    "+ '<|eot_id|>' }}{%- endfor %}"
)

LLAMA_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 512,
}  # 8192 in the real ones; 512 makes it bite here

TOKENIZER = {  # bos_token of tokenizer_config.json
    "qwen": None,
    "llama3": "<|begin_of_text|>",
    "mistral": "<s>",
    "internlm2": "<s>",
}
EOS = {
    "qwen": "<|im_end|>",
    "llama3": "<|eot_id|>",
    "mistral": "</s>",
    "internlm2": "</s>",
}  # and eos_token


def base(model_type, tokenizer, **more):
    config = {
        "model_type": model_type,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "hidden_act": "silu",
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "tokenizer": tokenizer,
    }
    config.update(more)
    return config


def mlp(n):
    return {
        "score.0.weight": ("H", "H"),
        "score.0.bias": ("H",),
        "score.2.weight": (n, "H"),
        "score.2.bias": (n,),
    }


MLP = {
    "type": "mlp_relu",
    "weight": "score.0.weight",
    "bias": "score.0.bias",
    "out_weight": "score.2.weight",
    "out_bias": "score.2.bias",
}
SCORE = {"type": "linear", "weight": "score.weight"}
SCORE_BIAS = {"type": "linear", "weight": "score.weight", "bias": "score.bias"}
SIGMOID, SOFTMAX1 = {"type": "sigmoid"}, {"type": "softmax", "good": 1}

# rows: token texts, resolved with the tokenizer as the reference does (last id of the encoding).
SPECS = {
    "Qwen2.5-Math-PRM-7B": dict(
        preset="qwen2.5-math-prm",
        architecture="Qwen2ForProcessRewardModel",
        dtype="F32",
        config=base(
            "qwen2",
            "qwen",
            num_hidden_layers=3,
            rms_norm_eps=1e-5,
            sliding_window=131072,
            use_sliding_window=False,
            max_window_layers=28,
        ),
        head=MLP,
        extra=mlp(2),
        post=SOFTMAX1,
        template=CHATML.replace("DEFAULT", MATH_SYSTEM.replace("\\", "\\\\")),
    ),
    "RLHFlow-Llama3.1-8B-PRM-Mistral-Data": dict(
        known_as="RLHFlow/Llama3.1-8B-PRM-Mistral-Data",
        preset="rlhflow-prm-mistral",
        architecture="LlamaForCausalLM",
        dtype="BF16",
        shards=3,
        config=base(
            "llama", "llama3", rms_norm_eps=1e-5, rope_theta=500000.0, rope_scaling=LLAMA_ROPE
        ),
        head={"type": "lm_rows", "rows": ["+", "-"]},
        post={"type": "softmax", "good": 0},
        template=LLAMA3,
    ),
    "trl-Qwen3-PRM": dict(
        known_as="trl-lib/Qwen2-0.5B-Reward-Math-Sheperd",
        preset="trl-prm",
        architecture="Qwen3ForTokenClassification",
        dtype="F16",
        config=base("qwen3", "qwen", head_dim=32, rope_theta=1e6, dtype="float16"),
        head=SCORE_BIAS,
        extra={"score.weight": (2, "H"), "score.bias": (2,)},
        post=SOFTMAX1,
    ),
    "ReasonFlux-PRM-7B": dict(
        known_as="Gen-Verse/ReasonFlux-PRM-7B",
        preset="reasonflux-prm",
        architecture="Qwen2ForProcessRewardModel",
        dtype="BF16",
        head_dtype="F32",
        config=base("qwen2", "qwen"),
        head=MLP,
        extra=mlp(2),
        post=SOFTMAX1,
        template=CHATML.replace("DEFAULT", "You are a helpful assistant."),
    ),
    "Skywork-o1-Open-PRM-Qwen-2.5-1.5B": dict(
        preset="skywork-o1-prm",
        architecture="Qwen2ForPrmModel",
        dtype="BF16",
        config=base("qwen2", "qwen", tie_word_embeddings=True, sliding_window=None),
        head={"type": "linear", "weight": "v_head.summary.weight", "bias": "v_head.summary.bias"},
        extra={"v_head.summary.weight": (1, "H"), "v_head.summary.bias": (1,)},
        post=SIGMOID,
    ),
    "RLHFlow-Llama3.1-8B-PRM-Deepseek-Data": dict(
        known_as="RLHFlow/Llama3.1-8B-PRM-Deepseek-Data",
        preset="rlhflow-prm-deepseek",
        architecture="LlamaForCausalLM",
        dtype="F32",
        config=base(
            "llama",
            "llama3",
            rope_theta=500000.0,
            tie_word_embeddings=True,
            rope_scaling=dict(LLAMA_ROPE, factor=32.0),
        ),
        head={"type": "lm_rows", "rows": ["+", "-"]},
        post={"type": "softmax", "good": 0},
        template=LLAMA3_DATED,
    ),
    "RLHFlow-Llama3.1-8B-ORM-Deepseek-Data": dict(
        known_as="RLHFlow/Llama3.1-8B-ORM-Deepseek-Data",
        preset="rlhflow-orm",
        architecture="LlamaForCausalLM",
        dtype="F16",
        config=base("llama", "llama3", rope_theta=500000.0, rope_scaling=LLAMA_ROPE),
        head={"type": "lm_rows", "rows": ["+", "-"]},
        post={"type": "softmax", "good": 0},
        template=LLAMA3,
    ),
    "math-shepherd-mistral-7b-prm": dict(
        known_as="peiyi9979/math-shepherd-mistral-7b-prm",
        preset="math-shepherd",
        architecture="MistralForCausalLM",
        dtype="F32",
        config=base("mistral", "mistral", sliding_window=48, rms_norm_eps=1e-5),
        head={"type": "lm_rows", "rows": ["+", "-"]},
        post={"type": "softmax", "good": 0},
    ),
    "Math-Shepherd-TRL-Mistral": dict(
        known_as="HuggingFaceH4/Qwen2.5-Math-7B-Instruct-PRM-0.2",
        preset="trl-prm-nlnl",
        architecture="MistralForTokenClassification",
        dtype="BF16",
        config=base("mistral", "mistral", sliding_window=None, head_dim=24),
        head=SCORE_BIAS,
        extra={"score.weight": (2, "H"), "score.bias": (2,)},
        post=SOFTMAX1,
    ),
    "PURE-PRM-7B": dict(
        known_as="jinachris/PURE-PRM-7B",
        preset="pure-prm",
        architecture="Qwen2ForTokenClassification",
        dtype="F32",
        config=base(
            "qwen2", "qwen", use_sliding_window=True, sliding_window=40, max_window_layers=1
        ),
        head=SCORE_BIAS,
        extra={"score.weight": (2, "H"), "score.bias": (2,)},
        post=SOFTMAX1,
    ),
    "VersaPRM-Llama-merged": dict(
        known_as="/data/VersaPRM-merged/",
        preset="versaprm-llama",
        architecture="LlamaForCausalLM",
        dtype="F32",
        config=base(
            "llama",
            "llama3",
            num_key_value_heads=4,
            attention_bias=True,
            mlp_bias=True,
            rope_theta=500000.0,
        ),
        head={"type": "lm_rows", "rows": ["-", "+"]},
        post=SOFTMAX1,
    ),
    "VersaPRM-Qwen-merged": dict(
        known_as="UW-Madison-Lee-Lab/Qwen-PRM800K",
        preset="versaprm-qwen",
        architecture="Qwen2ForCausalLM",
        dtype="F16",
        config=base("qwen2", "qwen", num_attention_heads=2, num_key_value_heads=1),
        head={"type": "lm_rows", "rows": ["-", "+"]},
        post=SOFTMAX1,
    ),
    "Skywork-Reward-V2-Llama-3.2-1B": dict(
        known_as="Skywork/Skywork-Reward-V2-Llama-3.2-1B",
        preset="skywork-reward-v2",
        architecture="LlamaForSequenceClassification",
        dtype="BF16",
        config=base(
            "llama",
            "llama3",
            rope_theta=500000.0,
            tie_word_embeddings=True,
            rope_scaling=dict(LLAMA_ROPE, factor=32.0),
            pad_token_id="<|finetune_right_pad_id|>",
            eos_token_id=["<|eot_id|>", "<|end_of_text|>"],
        ),
        head=SCORE,
        extra={"score.weight": (1, "H")},
        post=SIGMOID,
        template=LLAMA3_DATED,
        labels=1,
    ),
    "Skywork-Reward-V2-Qwen3-0.6B": dict(
        known_as="Skywork/Skywork-Reward-V2-Qwen3-0.6B",
        preset="skywork-reward-v2",
        architecture="Qwen3ForSequenceClassification",
        dtype="F32",
        shards=2,
        config=base(
            "qwen3",
            "qwen",
            head_dim=32,
            rope_theta=None,
            tie_word_embeddings=True,
            rope_parameters={"rope_type": "default", "rope_theta": 1e6},
            torch_dtype=None,
            dtype="float32",
            pad_token_id="<|endoftext|>",
        ),
        head=SCORE,
        extra={"score.weight": (1, "H")},
        post=SIGMOID,
        template=CHATML_THINK,
        labels=1,
    ),
    "my-trl-rm": dict(  # a pad token that ends the template: transformers reads the token before it
        preset="seqcls",
        architecture="Qwen2ForSequenceClassification",
        dtype="BF16",
        config=base("qwen2", "qwen", pad_token_id="\n", num_key_value_heads=1),
        head=SCORE,
        extra={"score.weight": (1, "H")},
        post=SIGMOID,
        template=CHATML_PLAIN,
        labels=1,
    ),
    "AceMath-7B-RM": dict(
        known_as="nvidia/AceMath-7B-RM",
        preset="acemath-rm",
        architecture="Qwen2ForSequenceClassification",
        dtype="F32",
        config=base("qwen2", "qwen"),
        head=SCORE,
        extra={"score.weight": (1, "H")},
        post=SIGMOID,
        template=CHATML.replace("DEFAULT", MATH_SYSTEM.replace("\\", "\\\\")),
        labels=1,
    ),
    "Qwen2.5-Math-RM-72B": dict(
        known_as="Qwen/Qwen2.5-Math-RM-72B",
        preset="qwen2.5-math-rm",
        architecture="Qwen2ForRewardModel",
        dtype="BF16",
        config=base("qwen2", "qwen"),
        head=MLP,
        extra=mlp(1),
        post=SIGMOID,
        template=CHATML.replace("DEFAULT", MATH_SYSTEM.replace("\\", "\\\\")),
    ),
    "openrlhf-rm": dict(
        preset="openrlhf",
        architecture="LLMForSequenceRegression",
        dtype="F32",
        config=base(
            "llama",
            "llama3",
            value_head_prefix="value_head",
            normalize_reward=True,
            mean=0.75,
            std=2.5,
        ),
        head={"type": "linear", "weight": "value_head.weight"},
        extra={"value_head.weight": (1, "H")},
        post={"type": "normalized", "mean": 0.75, "std": 2.5},
        template=LLAMA3,
    ),
    "verl-rm": dict(
        preset="verl-rm",
        architecture="Qwen2ForTokenClassification",
        dtype="F32",
        config=base("qwen2", "qwen"),
        head=SCORE_BIAS,
        extra={"score.weight": (1, "H"), "score.bias": (1,)},
        post=SIGMOID,
        template=CHATML.replace("DEFAULT", "You are a helpful assistant."),
        labels=1,
    ),
    "internlm2-1_8b-reward": dict(
        known_as="internlm/internlm2-1_8b-reward",
        preset="internlm2-reward",
        architecture="InternLM2ForRewardModel",
        dtype="F16",
        config=base(
            "internlm2",
            "internlm2",
            num_attention_heads=8,
            rope_theta=1e6,
            bias=False,
            rms_norm_eps=1e-5,
            rope_scaling={"type": "dynamic", "factor": 2.0},
            reward_token_id="<|reward|>",
        ),
        head={"type": "linear", "weight": "v_head.weight"},
        extra={"v_head.weight": (1, "H")},
        post=SIGMOID,
        template=CHATML_BOS,
    ),
    "openrlhf-qwen": dict(  # the template ends in a newline, which the trainer cuts off
        preset="openrlhf",
        architecture="RewardModel",
        dtype="F32",
        config=base("qwen2", "qwen"),
        head=SCORE,
        extra={"score.weight": (1, "H")},
        post=SIGMOID,
        template=CHATML.replace("DEFAULT", "You are a helpful assistant."),
    ),
    "openrlhf-plain": dict(
        preset="openrlhf",
        architecture="RewardModel",
        dtype="F32",
        config=base("llama", "llama3"),
        head=SCORE,
        extra={"score.weight": (1, "H")},
        post=SIGMOID,
    ),
    "trl-rm-plain": dict(
        preset="seqcls",
        architecture="LlamaForSequenceClassification",
        dtype="F32",
        config=base("llama", "llama3"),
        head=SCORE,
        extra={"score.weight": (1, "H")},
        post=SIGMOID,
        labels=1,
    ),
    "trl-rm-plain-mistral": dict(
        preset="seqcls",
        architecture="MistralForSequenceClassification",
        dtype="F32",
        config=base("mistral", "mistral", sliding_window=None),
        head=SCORE,
        extra={"score.weight": (1, "H")},
        post=SIGMOID,
        labels=1,
    ),
    "WorldPM-72B": dict(
        preset="worldpm",
        architecture="Qwen2ForRewardModel",
        dtype="F32",
        known_as="Qwen/WorldPM-72B",
        config=base("qwen2", "qwen"),
        head=MLP,
        extra=mlp(1),
        post=SIGMOID,
        template=CHATML.replace("DEFAULT", "You are a helpful assistant."),
    ),
    "MATH-Minos": dict(
        preset="math-minos",
        architecture="MistralForTokenClassification",
        dtype="F32",
        known_as="x/MATH-Minos-PRM",
        config=base("mistral", "mistral", sliding_window=None),
        head=SCORE_BIAS,
        extra={"score.weight": (1, "H"), "score.bias": (1,)},
        post=SIGMOID,
        labels=1,
    ),
}


def shapes_of(spec, config):
    h, m, kind = config["hidden_size"], config["intermediate_size"], config["model_type"]
    heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
    d = config.get("head_dim") or h // heads
    out = {}
    if kind == "internlm2":
        out["model.tok_embeddings.weight"] = (config["vocab_size"], h)
        for i in range(config["num_hidden_layers"]):
            p = f"model.layers.{i}."
            out.update(
                {
                    p + "attention.wqkv.weight": ((heads + 2 * kv) * d, h),
                    p + "attention.wo.weight": (h, heads * d),
                    p + "feed_forward.w1.weight": (m, h),
                    p + "feed_forward.w3.weight": (m, h),
                    p + "feed_forward.w2.weight": (h, m),
                    p + "attention_norm.weight": (h,),
                    p + "ffn_norm.weight": (h,),
                }
            )
    else:
        out["model.embed_tokens.weight"] = (config["vocab_size"], h)
        qkv_bias = kind == "qwen2" or config.get("attention_bias", False)
        for i in range(config["num_hidden_layers"]):
            p = f"model.layers.{i}."
            for name, rows, cols, bias in (
                ("self_attn.q_proj", heads * d, h, qkv_bias),
                ("self_attn.k_proj", kv * d, h, qkv_bias),
                ("self_attn.v_proj", kv * d, h, qkv_bias),
                ("self_attn.o_proj", h, heads * d, config.get("attention_bias", False)),
                ("mlp.gate_proj", m, h, config.get("mlp_bias", False)),
                ("mlp.up_proj", m, h, config.get("mlp_bias", False)),
                ("mlp.down_proj", h, m, config.get("mlp_bias", False)),
            ):
                out[p + name + ".weight"] = (rows, cols)
                if bias:
                    out[p + name + ".bias"] = (rows,)
            if kind == "qwen3":
                out[p + "self_attn.q_norm.weight"] = out[p + "self_attn.k_norm.weight"] = (d,)
            out[p + "input_layernorm.weight"] = out[p + "post_attention_layernorm.weight"] = (h,)
    out["model.norm.weight"] = (h,)
    if "ForCausalLM" in spec["architecture"] and not config["tie_word_embeddings"]:
        out["lm_head.weight"] = (config["vocab_size"], h)
    for name, shape in (spec.get("extra") or {}).items():
        out[name] = tuple(h if s == "H" else s for s in shape)
    return out


def token_id(tokenizer, text):
    """An id from a token's text: a vocabulary entry, else the last id of the encoding."""
    found = tokenizer.token_to_id(text)
    return found if found is not None else tokenizer.encode(text, add_special_tokens=False).ids[-1]


def config_of(spec, tokenizer):
    config = {"architectures": [spec["architecture"]]}
    config.update(
        {
            k: v
            for k, v in spec["config"].items()
            if k != "tokenizer" and (v is not None or k == "sliding_window")
        }
    )
    config["vocab_size"] = (
        -(-tokenizer.get_vocab_size() // 16) * 16
    )  # larger than the tokenizer, as usual
    for key in ("pad_token_id", "reward_token_id"):
        if key in config:
            config[key] = token_id(tokenizer, config[key])
    if isinstance(config.get("eos_token_id"), list):
        config["eos_token_id"] = [token_id(tokenizer, t) for t in config["eos_token_id"]]
    if spec.get("known_as"):
        config["_name_or_path"] = spec["known_as"]
    if spec.get("labels") == 1:
        config["id2label"] = {"0": "LABEL_0"}
        config["label2id"] = {"LABEL_0": 0}
    return config


def recipe_of(spec, config, tokenizer):
    head = dict(spec["head"])
    if head["type"] == "lm_rows":
        head["rows"] = [tokenizer.encode(r, add_special_tokens=False).ids[-1] for r in head["rows"]]
        head["weight"] = (
            "model.embed_tokens.weight" if config["tie_word_embeddings"] else "lm_head.weight"
        )
    return {"head": head, "post": spec["post"]}


def write(folder, name, tokenizer, seed=0, spec=None):
    """Writes the Hugging Face folder; returns (config, recipe)."""
    spec = spec or SPECS[name]
    kind = spec["config"]["tokenizer"]
    os.makedirs(folder, exist_ok=True)
    config = config_of(spec, tokenizer)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f, indent=1)
    shutil.copy(os.path.join(TOKENIZERS, kind, "tokenizer.json"), folder)
    with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as f:
        tok = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": TOKENIZER[kind],
            "eos_token": EOS[kind],
        }
        if spec.get("template"):
            tok["chat_template"] = spec["template"]
        json.dump(tok, f, indent=1)
    tensors = weights.make(shapes_of(spec, config), seed)
    # Heads of a random model saturate without this: probabilities should use the whole of (0, 1).
    for key in tensors:
        if (
            key.startswith(("score", "v_head", "value_head"))
            and key.endswith("weight")
            and "score.0" not in key
        ):
            tensors[key] = (tensors[key] * np.float32(1.5)).astype(np.float32)
    weights.write_checkpoint(
        folder, tensors, spec["dtype"], spec.get("shards", 1), spec.get("head_dtype")
    )
    return config, recipe_of(spec, config, tokenizer)
