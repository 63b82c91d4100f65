"""Public reward models as tiny folders: the class strings, head tensors, template family and
trainer's recipe of each, around random weights.

`layout` names the authors' own input code in layouts.py; None means that no recipe of ours claims
to score it, and then it must be refused. What could not be read at the source stands for its
family (reference: core/MODEL.md section 3).
"""

from checkpoints import (
    CHATML,
    CHATML_BOS,
    CHATML_PLAIN,
    CHATML_THINK,
    LLAMA3,
    LLAMA3_DATED,
    LLAMA_ROPE,
    MATH_SYSTEM,
    MLP,
    SCORE,
    SCORE_BIAS,
    SIGMOID,
    SOFTMAX1,
    base,
    mlp,
)

MATHS = CHATML.replace("DEFAULT", MATH_SYSTEM.replace("\\", "\\\\"))
QWEN25 = CHATML.replace(
    "DEFAULT", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
)
INST = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ message['content'] + eos_token }}{% else %}{{ raise_exception('roles') }}{% endif %}"
    "{% endfor %}"
)
TULU = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}{% endfor %}"
)
ROWS_PLUS = {"type": "lm_rows", "rows": ["+", "-"]}
ROWS_MINUS = {"type": "lm_rows", "rows": ["-", "+"]}
SOFTMAX0 = {"type": "softmax", "good": 0}
ONE = {"score.weight": (1, "H")}
TWO_BIAS = {"score.weight": (2, "H"), "score.bias": (2,)}
V_HEAD = {"type": "linear", "weight": "v_head.summary.weight", "bias": "v_head.summary.bias"}
V_HEAD_TENSORS = {"v_head.summary.weight": (1, "H"), "v_head.summary.bias": (1,)}
LLAMA = dict(rms_norm_eps=1e-5, rope_theta=500000.0, rope_scaling=LLAMA_ROPE)
PAD = {"llama3": "<|finetune_right_pad_id|>", "qwen": "<|endoftext|>", "mistral": "</s>"}
TOKENIZER = {"llama": "llama3", "qwen2": "qwen", "qwen3": "qwen", "mistral": "mistral"}
MODELS = {}


def add(name, architecture, backbone, layout, head=None, extra=None, post=SIGMOID, **more):
    tokenizer = more.pop("tokenizer", None) or TOKENIZER.get(backbone, "llama3")
    keys = ("template", "labels", "known_as")
    spec = {k: more.pop(k) for k in keys if k in more}
    if backbone == "qwen3":
        more.setdefault("head_dim", 32)
    MODELS[name] = dict(
        spec,
        preset=layout,
        architecture=architecture,
        dtype="F32",
        config=base(backbone, tokenizer, **more),
        head=head or SCORE,
        extra=extra or {},
        post=post,
    )


def seqcls(name, backbone, template, layout="seqcls", pad=True, labels=1, **more):
    """*ForSequenceClassification with one output, the usual outcome model."""
    family = {"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3", "mistral": "Mistral"}
    tokenizer = more.pop("tokenizer", TOKENIZER[backbone])
    if labels > 2:
        more["num_labels"] = labels
    if pad:
        more["pad_token_id"] = PAD[tokenizer]
    add(
        name,
        family[backbone] + "ForSequenceClassification",
        backbone,
        layout,
        SCORE,
        more.pop("extra", {"score.weight": (labels, "H")}),
        template=template,
        labels=labels,
        tokenizer=tokenizer,
        **more,
    )


# ---- outcome models: sequence classification -------------------------------------------------
for size in ("0.6B", "1.7B", "4B", "8B"):
    seqcls(f"Skywork/Skywork-Reward-V2-Qwen3-{size}", "qwen3", CHATML_THINK, rope_theta=1e6)
for size in ("3.2-1B", "3.2-3B", "3.1-8B", "3.1-8B-40M"):
    seqcls(f"Skywork/Skywork-Reward-V2-Llama-{size}", "llama", LLAMA3_DATED, **LLAMA)
for version in ("", "-v0.2"):
    seqcls(f"Skywork/Skywork-Reward-Llama-3.1-8B{version}", "llama", LLAMA3_DATED, **LLAMA)
for size in ("1.7B", "4B", "8B"):
    seqcls(f"LARK-AI/CodeScaler-{size}", "qwen3", CHATML_THINK, rope_theta=1e6)
for size in ("8B", "70B"):
    seqcls(f"allenai/Llama-3.1-{size}-Instruct-RM-RB2", "llama", LLAMA3_DATED, **LLAMA)
for stage in ("SFT", "DPO", "RL"):
    seqcls(f"allenai/Llama-3.1-Tulu-3-8B-{stage}-RM-RB2", "llama", TULU, **LLAMA)
seqcls("allenai/Llama-3.1-Tulu-3-8B-RM", "llama", TULU, **LLAMA)
seqcls("allenai/Llama-3.1-8B-Base-RM-RB2", "llama", TULU, **LLAMA)
for name in (
    "sfairXC/FsfairX-LLaMA3-RM-v0.1",
    "NCSOFT/Llama-3-OffsetBias-RM-8B",
    "Ray2333/GRM-Llama3-8B-rewardmodel-ft",
):
    seqcls(name, "llama", LLAMA3, rope_theta=500000.0)
seqcls("nvidia/AceMath-7B-RM", "qwen2", MATHS, "acemath-rm", pad=False)
seqcls("nvidia/AceMath-72B-RM", "qwen2", MATHS, "acemath-rm", pad=False)
seqcls("CIR-AMS/BTRM_Qwen2_7b_0613", "qwen2", CHATML_PLAIN, rope_theta=1e6)
seqcls("weqweasdas/RM-Mistral-7B", "mistral", INST, sliding_window=None)
seqcls("hendrydong/Mistral-RM-for-RAFT-GSHF-v0", "mistral", INST, sliding_window=None)
seqcls(
    "Ray2333/reward-model-Mistral-7B-instruct-Unified-Feedback",
    "mistral",
    INST,
    sliding_window=None,
)
seqcls("kaist-ai/janus-rm-7b", "mistral", INST, sliding_window=None)
seqcls("bmbgsj/ProRAG_PRM", "qwen3", CHATML_THINK, None, pad=False, rope_theta=1e6)
seqcls(
    "Ray2333/GRM-Llama3.2-3B-sftreg",
    "llama",
    LLAMA3_DATED,
    None,
    extra=dict(ONE, **{"v_head.summary.0.weight": (1024, "H")}),
    auto_map={"AutoModel": "m.GRM"},
    **LLAMA,
)
seqcls(
    "RLHFlow/RewardModel-Mistral-7B-for-DPA-v1",
    "mistral",
    INST,
    None,
    labels=10,
    sliding_window=None,
)
seqcls("a classifier with two labels", "qwen2", CHATML_PLAIN, None, labels=2)
for name, architecture in (
    ("RLHFlow/ArmoRM-Llama3-8B-v0.1", "LlamaForRewardModelWithGating"),
    ("nicolinho/QRM-Llama3.1-8B-v2", "LlamaForRewardModelWithGating"),
    ("LxzGordon/URM-LLaMa-3.1-8B", "LlamaForSequenceClassification"),
    ("infly/INF-ORM-Llama3.1-70B", "INFORMForSequenceClassification"),
    ("Nexusflow/Athene-RM-8B", "LlamaForSequenceClassificationAthene"),
    ("Nexusflow/Athene-RM-70B", "LlamaForSequenceClassificationAthene"),
    ("RLHFlow/pair-preference-model-LLaMA3-8B", "LlamaForCausalLM"),
    ("nvidia/Llama-3.1-Nemotron-70B-Reward-HF", "LlamaForCausalLM"),
    ("PKU-Alignment/beaver-7b-v1.0-reward", "LlamaModelForScore"),
    ("PKU-Alignment/beaver-7b-v1.0-cost", "LlamaModelForScore"),
    ("openbmb/UltraRM-13b", "LlamaRewardModel"),
    ("berkeley-nest/Starling-RM-7B-alpha", "LlamaForCausalLM"),
    ("hanningzhang/Llama3.1-Math-PRM", "LlamaForCausalLM"),
    ("Babelscape/Llama-3.1-8B-PRM800k-r", "LlamaForTokenScoring"),
    ("Windy0822/ImplicitPRM_DPO", "LlamaForCausalLM"),
    ("ScalableMath/llemma-7b-prm-prm800k-level-1to3-hf", "LlamaForCausalLM"),
    ("GAIR/ReasonEval-34B", "ReasonEval_34B"),
):
    extra = {"score.weight": (5, "H")} if "URM" in name else {"value.weight": (1, "H")}
    add(name, architecture, "llama", None, SCORE, extra, template=LLAMA3, **LLAMA)
for name, architecture, backbone in (
    ("openbmb/Eurus-RM-7b", "EurusRewardModel", "mistral"),
    ("GAIR/ReasonEval-7B", "ReasonEval_7B", "mistral"),
    ("PRIME-RL/EurusPRM-Stage1", "Qwen2ForCausalLM", "qwen2"),
    ("PRIME-RL/EurusPRM-Stage2", "Qwen2ForCausalLM", "qwen2"),
    ("sail/ActPRM", "Qwen2ForEnsemblePRM", "qwen2"),
    ("sail/ActPRM-X", "Qwen2ForEnsemblePRM", "qwen2"),
    ("Gen-Verse/ReasonFlux-PRM-1.5B", "Qwen2ForCausalLM", "qwen2"),
    ("GenPRM/GenPRM-7B", "Qwen2ForCausalLM", "qwen2"),
    ("launch/ThinkPRM-14B", "Qwen2ForCausalLM", "qwen2"),
    ("openreasoner/Math-psa", "Qwen2ForCausalLM", "qwen2"),
    ("nvidia/Qwen3-Nemotron-32B-GenRM-Principle", "Qwen3ForCausalLM", "qwen3"),
):
    add(name, architecture, backbone, None, SCORE, {"x.weight": (1, "H")}, template=MATHS)
for name, architecture, backbone in (
    ("Skywork/Skywork-Reward-Gemma-2-27B", "Gemma2ForSequenceClassification", "gemma2"),
    ("Skywork/Skywork-Reward-Gemma-2-27B-v0.2", "Gemma2ForSequenceClassification", "gemma2"),
    ("Ray2333/GRM-Gemma2-2B-rewardmodel-ft", "Gemma2ForSequenceClassification", "gemma2"),
    ("nicolinho/QRM-Gemma-2-27B", "Gemma2ForSequenceClassification", "gemma2"),
    ("ShikaiChen/LDL-Reward-Gemma-2-27B-v0.1", "Gemma2ForSequenceClassification", "gemma2"),
    ("weqweasdas/RM-Gemma-2B", "GemmaForSequenceClassification", "gemma"),
    ("weqweasdas/RM-Gemma-7B", "GemmaForSequenceClassification", "gemma"),
    (
        "OpenAssistant/reward-model-deberta-v3-large-v2",
        "DebertaV2ForSequenceClassification",
        "deberta-v2",
    ),
    ("llm-blender/PairRM", "DebertaV2ForSequenceClassification", "deberta-v2"),
    ("OpenAssistant/oasst-rm-2.1-pythia-1.4b-epoch-2.5", "GPTNeoXRewardModel", "gpt_neox"),
    ("OpenGVLab/VisualPRM-8B", "InternVLChatModel", "internvl_chat"),
    ("URSA-MATH/URSA-RM-8B", "UrsaForTokenClassification", "ursa"),
    ("Nexusflow/Starling-RM-34B", "YiForCausalLM", "Yi"),
):
    add(name, architecture, backbone, None, SCORE, ONE, template=CHATML_PLAIN)

# ---- outcome models: own classes -------------------------------------------------------------
for size in ("1_8b", "7b", "20b"):
    add(
        f"internlm/internlm2-{size}-reward",
        "InternLM2ForRewardModel",
        "internlm2",
        "internlm2-reward",
        {"type": "linear", "weight": "v_head.weight"},
        {"v_head.weight": (1, "H")},
        tokenizer="internlm2",
        template=CHATML_BOS,
        bias=False,
        reward_token_id="<|reward|>",
        rope_theta=1e6,
        auto_map={"AutoModel": "modeling_internlm2.InternLM2ForRewardModel"},
    )
for size in ("1_8B", "7B"):
    add(
        f"internlm/POLAR-{size}",
        "InternLM2ForRewardModel",
        "internlm2",
        None,
        None,
        {"v_head.weight": (1, "H")},
        tokenizer="internlm2",
        template=CHATML_BOS,
        bias=False,
        reward_token_id="<|reward|>",
        rope_theta=5e7,
        rope_scaling={"type": "dynamic", "factor": 2.0},
        auto_map={"AutoModel": "modeling_internlm2.InternLM2ForRewardModel"},
    )
QWEN_RM = {"AutoModel": "modeling_qwen2_rm.Qwen2ForRewardModel"}
add(
    "Qwen/Qwen2.5-Math-RM-72B",
    "Qwen2ForRewardModel",
    "qwen2",
    "qwen2.5-math-rm",
    MLP,
    mlp(1),
    template=MATHS,
    auto_map=QWEN_RM,
)
for tail in ("", "-HelpSteer2", "-UltraFeedback", "-RLHFLow"):
    add(
        f"Qwen/WorldPM-72B{tail}",
        "Qwen2ForRewardModel",
        "qwen2",
        "worldpm",
        MLP,
        mlp(1),
        template=QWEN25,
        auto_map=QWEN_RM,
        rope_theta=1e6,
    )
add(
    "infly/Universal-PRM-7B",
    "Qwen2ForRewardModel",
    "qwen2",
    None,
    MLP,
    mlp(1),
    template=MATHS,
    auto_map=QWEN_RM,
)
for name in ("OpenRLHF/Llama-3-8b-rm-mixture", "OpenRLHF/Llama-3-8b-rm-700k"):
    add(
        name,
        "LLMForSequenceRegression",
        "llama",
        "openrlhf",
        {"type": "linear", "weight": "value_head.weight"},
        {"value_head.weight": (1, "H")},
        {"type": "normalized", "mean": 0.75, "std": 2.5},
        template=LLAMA3,
        value_head_prefix="value_head",
        normalize_reward=True,
        mean=0.75,
        std=2.5,
    )
add(
    "an OpenRLHF reward model on Qwen2.5",
    "RewardModel",
    "qwen2",
    "openrlhf",
    SCORE,
    ONE,
    template=QWEN25,
)
add("an OpenRLHF reward model without a template", "RewardModel", "llama", "openrlhf", SCORE, ONE)
seqcls("a TRL RewardTrainer model without a template", "llama", None)
add(
    "a verl reward model",
    "Qwen2ForTokenClassification",
    "qwen2",
    "verl-rm",
    SCORE_BIAS,
    {"score.weight": (1, "H"), "score.bias": (1,)},
    template=QWEN25,
    labels=1,
)

# ---- process models --------------------------------------------------------------------------
QWEN_PRM = {"AutoModel": "modeling_qwen2_rm.Qwen2ForProcessRewardModel"}
for name in (
    "Qwen/Qwen2.5-Math-PRM-7B",
    "Qwen/Qwen2.5-Math-PRM-72B",
    "Qwen/Qwen2.5-Math-7B-PRM800K",
    "Babelscape/Qwen2.5-Math-PRM-7B-PDDL-r",
):
    add(
        name,
        "Qwen2ForProcessRewardModel",
        "qwen2",
        "qwen2.5-math-prm",
        MLP,
        mlp(2),
        SOFTMAX1,
        template=MATHS,
        auto_map=QWEN_PRM,
        rms_norm_eps=1e-5,
    )
add(
    "Gen-Verse/ReasonFlux-PRM-7B",
    "Qwen2ForProcessRewardModel",
    "qwen2",
    "reasonflux-prm",
    MLP,
    mlp(2),
    SOFTMAX1,
    template=QWEN25,
    auto_map=QWEN_PRM,
)
for size in ("1.5B", "7B"):
    add(
        f"Skywork/Skywork-o1-Open-PRM-Qwen-2.5-{size}",
        "Qwen2ForPrmModel",
        "qwen2",
        "skywork-o1-prm",
        V_HEAD,
        V_HEAD_TENSORS,
        tie_word_embeddings=True,
    )
add(
    "RLHFlow/Llama3.1-8B-PRM-Mistral-Data",
    "LlamaForCausalLM",
    "llama",
    "rlhflow-prm-mistral",
    ROWS_PLUS,
    post=SOFTMAX0,
    template=LLAMA3,
    **LLAMA,
)
add(
    "RLHFlow/Llama3.1-8B-PRM-Deepseek-Data",
    "LlamaForCausalLM",
    "llama",
    "rlhflow-prm-deepseek",
    ROWS_PLUS,
    post=SOFTMAX0,
    template=LLAMA3_DATED,
    **LLAMA,
)
for data in ("Mistral", "Deepseek"):
    add(
        f"RLHFlow/Llama3.1-8B-ORM-{data}-Data",
        "LlamaForCausalLM",
        "llama",
        "rlhflow-orm",
        ROWS_PLUS,
        post=SOFTMAX0,
        template=LLAMA3,
        **LLAMA,
    )
add(
    "peiyi9979/math-shepherd-mistral-7b-prm",
    "MistralForCausalLM",
    "mistral",
    "math-shepherd",
    ROWS_PLUS,
    post=SOFTMAX0,
    sliding_window=48,
)
for name, backbone, layout in (
    ("trl-lib/Qwen2-0.5B-Reward-Math-Sheperd", "Qwen2", "trl-prm"),
    ("HuggingFaceH4/Qwen2.5-Math-1.5B-Instruct-PRM-0.2", "Qwen2", "trl-prm-nlnl"),
    ("HuggingFaceH4/Qwen2.5-Math-7B-Instruct-PRM-0.2", "Qwen2", "trl-prm-nlnl"),
    ("jinachris/PURE-PRM-7B", "Qwen2", "pure-prm"),
    ("axolotl-ai-co/Qwen2.5-Math-PRM-7B", "Qwen2", None),
    ("plaguss/Mistral-7B-v0.1-Math-Shepherd-PRM-0.1", "Mistral", None),
    ("ZaandaTeika/SHARP-Math-Span", "Qwen2", None),
):
    add(
        name,
        backbone + "ForTokenClassification",
        backbone.lower(),
        layout,
        SCORE_BIAS,
        TWO_BIAS,
        SOFTMAX1,
    )
add(
    "MATH-Minos",
    "MistralForTokenClassification",
    "mistral",
    "math-minos",
    SCORE_BIAS,
    {"score.weight": (1, "H"), "score.bias": (1,)},
    labels=1,
)
add(
    "UW-Madison-Lee-Lab/Llama-PRM800K",
    "LlamaForCausalLM",
    "llama",
    "versaprm-llama",
    ROWS_MINUS,
    post=SOFTMAX1,
    **LLAMA,
)
add(
    "UW-Madison-Lee-Lab/VersaPRM-Base-8B",
    "LlamaForCausalLM",
    "llama",
    "versaprm-llama",
    ROWS_MINUS,
    post=SOFTMAX1,
    **LLAMA,
)
add(
    "UW-Madison-Lee-Lab/Qwen-PRM800K",
    "Qwen2ForCausalLM",
    "qwen2",
    "versaprm-qwen",
    ROWS_MINUS,
    post=SOFTMAX1,
)
