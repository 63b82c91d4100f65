#include "core/model/preset.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/util.h"
#include "core/model/package.h"

static const struct rw_preset PRESET[] = {
    {"qwen2.5-math-prm",
     "{\"kind\":\"process\",\"head\":{\"type\":\"mlp_relu\",\"weight\":\"score.0.weight\","
     "\"bias\":\"score.0.bias\",\"out_weight\":\"score.2.weight\",\"out_bias\":"
     "\"score.2.bias\"},\"post\":{\"type\":\"softmax\",\"good\":1},\"aggregate\":\"min\","
     "\"layout\":{\"chat\":\"chatml\",\"system_default\":"
     "\"Please reason step by step, and put your final answer within \\\\boxed{}.\","
     "\"step\":[{\"content\":\"step\"},\"<extra_0>\",{\"score\":true}],\"marker\":"
     "\"<extra_0>\",\"count_marker\":true,\"split\":[\"\\n\\n\"]}}"},
    {"reasonflux-prm",
     "{\"kind\":\"process\",\"head\":{\"type\":\"mlp_relu\",\"weight\":\"score.0.weight\","
     "\"bias\":\"score.0.bias\",\"out_weight\":\"score.2.weight\",\"out_bias\":"
     "\"score.2.bias\"},\"post\":{\"type\":\"softmax\",\"good\":1},\"aggregate\":\"min\","
     "\"layout\":{\"chat\":\"chatml\",\"step\":[{\"content\":\"step\"},\"<extra_0>\",{"
     "\"score\":true}],\"marker\":\"<extra_0>\",\"count_marker\":true,\"split\":["
     "\"\\n\\n\"]}}"},
    {"skywork-o1-prm",
     "{\"kind\":\"process\",\"head\":{\"type\":\"linear\",\"weight\":"
     "\"v_head.summary.weight\",\"bias\":\"v_head.summary.bias\"},\"post\":{\"type\":"
     "\"sigmoid\"},\"aggregate\":\"min\",\"layout\":{\"prompt\":[\"<|im_start|>\",{"
     "\"content\":\"prompt\"},\"\\n\",{\"cut\":true}],\"step\":[{\"content\":\"step\"},{"
     "\"token\":\"\\n\"},{\"score\":true}],\"marker\":\"\\n\",\"keep_empty_steps\":true,"
     "\"split\":[\"\\n\"]}}"},
    {"rlhflow-prm-mistral",
     "{\"kind\":\"process\",\"head\":{\"type\":\"lm_rows\",\"rows\":[\"+\",\"-\"]},"
     "\"post\":{\"type\":\"softmax\",\"good\":0},\"aggregate\":\"mean\",\"layout\":{"
     "\"chat\":\"llama3\",\"prompt\":[\"<|start_header_id|>user<|end_header_id|>\\n\\n\",{"
     "\"content\":\"prompt\",\"trim\":\"left\"},\" \"],\"open\":[],\"first_step\":[{"
     "\"content\":\"step\",\"trim\":\"both\"},"
     "\"<|eot_id|><|start_header_id|>assistant<|end_header_id|>\\n\\n\",{\"score\":true},"
     "\"+<|eot_id|>\"],\"step\":[\"<|start_header_id|>user<|end_header_id|>\\n\\n\",{"
     "\"content\":\"step\",\"trim\":\"both\"},"
     "\"<|eot_id|><|start_header_id|>assistant<|end_header_id|>\\n\\n\",{\"score\":true},"
     "\"+<|eot_id|>\"],\"close\":[],\"marker\":\"\\n\\n\",\"drop_suffix\":\" ки\","
     "\"split\":[\"ки\\n\",\"\\n\\n\",\"\\n\"]}}"},
    {"rlhflow-prm-deepseek",
     "{\"kind\":\"process\",\"head\":{\"type\":\"lm_rows\",\"rows\":[\"+\",\"-\"]},"
     "\"post\":{\"type\":\"softmax\",\"good\":0},\"aggregate\":\"mean\",\"layout\":{"
     "\"chat\":\"llama3-dated\",\"prompt\":["
     "\"<|start_header_id|>user<|end_header_id|>\\n\\n\",{\"content\":\"prompt\",\"trim\":"
     "\"left\"},\" \"],\"open\":[],\"first_step\":[{\"content\":\"step\",\"trim\":\"both\""
     "},\"<|eot_id|><|start_header_id|>assistant<|end_header_id|>\\n\\n\",{\"score\":true}"
     ",\"+<|eot_id|>\"],\"step\":[\"<|start_header_id|>user<|end_header_id|>\\n\\n\",{"
     "\"content\":\"step\",\"trim\":\"both\"},"
     "\"<|eot_id|><|start_header_id|>assistant<|end_header_id|>\\n\\n\",{\"score\":true},"
     "\"+<|eot_id|>\"],\"close\":[],\"marker\":\"\\n\\n\",\"drop_suffix\":\" ки\","
     "\"split\":[\"\\n\\n\"]}}"},
    {"rlhflow-orm",
     "{\"kind\":\"outcome\",\"head\":{\"type\":\"lm_rows\",\"rows\":[\"+\",\"-\"]},"
     "\"post\":{\"type\":\"softmax\",\"good\":0},\"aggregate\":\"last\",\"layout\":{"
     "\"chat\":\"auto\",\"prompt\":[\"<|start_header_id|>user<|end_header_id|>\\n\\n\",{"
     "\"content\":\"prompt\",\"trim\":\"left\"},\" \"],\"open\":[],\"response\":[{"
     "\"content\":\"response\",\"trim\":\"right\"},"
     "\"<|eot_id|><|start_header_id|>assistant<|end_header_id|>\\n\\n\",{\"score\":true},"
     "\"+<|eot_id|>\"],\"close\":[],\"marker\":\"\\n\\n\",\"remove\":\" ки\"}}"},
    {"math-shepherd",
     "{\"kind\":\"process\",\"head\":{\"type\":\"lm_rows\",\"rows\":[\"+\",\"-\"]},"
     "\"post\":{\"type\":\"softmax\",\"good\":0},\"aggregate\":\"min\",\"layout\":{"
     "\"begin\":[{\"bos\":true}],\"prompt\":[{\"content\":\"prompt\"},\" \"],\"step\":[{"
     "\"number\":\"Step {k}: \"},{\"content\":\"step\"},\" ки\",{\"score\":true}],"
     "\"between\":[\"\\n\"],\"marker\":\"ки\",\"count_marker\":true,\"drop_suffix\":"
     "\" ки\",\"split\":[\"ки\\n\",\"\\n\"]}}"},
    {"trl-prm",
     "{\"kind\":\"process\",\"head\":{\"type\":\"linear\",\"weight\":\"score.weight\","
     "\"bias\":\"score.bias\",\"optional_bias\":true},\"post\":{\"type\":\"softmax\","
     "\"good\":1},\"aggregate\":\"min\",\"layout\":{\"begin\":[{\"bos\":true}],\"prompt\":"
     "[{\"content\":\"prompt\"},{\"cut\":true}],\"step\":[{\"content\":\"step\"},{\"cut\":"
     "true},\"\\n\",{\"score\":true},{\"cut\":true}],\"split\":[\"\\n\"]}}"},
    {"trl-prm-nlnl",
     "{\"kind\":\"process\",\"head\":{\"type\":\"linear\",\"weight\":\"score.weight\","
     "\"bias\":\"score.bias\",\"optional_bias\":true},\"post\":{\"type\":\"softmax\","
     "\"good\":1},\"aggregate\":\"min\",\"layout\":{\"begin\":[{\"bos\":true}],\"prompt\":"
     "[{\"content\":\"prompt\"},{\"cut\":true}],\"step\":[{\"content\":\"step\"},{\"cut\":"
     "true},\"\\n\\n\",{\"score\":true},{\"cut\":true}],\"split\":[\"\\n\\n\"]}}"},
    {"pure-prm",
     "{\"kind\":\"process\",\"head\":{\"type\":\"linear\",\"weight\":\"score.weight\","
     "\"bias\":\"score.bias\",\"optional_bias\":true},\"post\":{\"type\":\"softmax\","
     "\"good\":1},\"aggregate\":\"min\",\"layout\":{\"begin\":[{\"bos\":true}],\"prompt\":"
     "[{\"content\":\"prompt\"},{\"cut\":true}],\"step\":[{\"content\":\"step\"},{\"cut\":"
     "true},\"\\n\",{\"score\":true},{\"cut\":true}],\"split\":[\"\\n\\n\"]}}"},
    {"versaprm-llama",
     "{\"kind\":\"process\",\"head\":{\"type\":\"lm_rows\",\"rows\":[\"-\",\"+\"]},"
     "\"post\":{\"type\":\"softmax\",\"good\":1},\"aggregate\":\"min\",\"layout\":{"
     "\"begin\":[{\"bos\":true}],\"prompt\":[{\"content\":\"prompt\"},\" \\n\\n\"],"
     "\"step\":[{\"content\":\"step\"},\" \\n\\n\\n\\n\",{\"score\":true}],\"marker\":"
     "\" \\n\\n\\n\\n\",\"count_marker\":true,\"split\":[\" \\n\\n\\n\\n\",\"\\n\\n\"]}}"},
    {"versaprm-qwen",
     "{\"kind\":\"process\",\"head\":{\"type\":\"lm_rows\",\"rows\":[\"-\",\"+\"]},"
     "\"post\":{\"type\":\"softmax\",\"good\":1},\"aggregate\":\"min\",\"layout\":{"
     "\"begin\":[{\"bos\":true}],\"prompt\":[{\"content\":\"prompt\"},\" \\n\\n\"],"
     "\"step\":[{\"content\":\"step\"},\" \\n\\n\\n\\n\",{\"score\":true}],\"marker\":"
     "\" \\n\\n\\n\\n\",\"count_marker\":true,\"split\":[\" \\n\\n\\n\\n\",\"\\n\\n\"]}}"},
    {"skywork-reward-v2",
     "{\"kind\":\"outcome\",\"head\":{\"type\":\"linear\",\"weight\":\"score.weight\","
     "\"bias\":\"score.bias\",\"optional_bias\":true},\"post\":{\"type\":\"sigmoid\"},"
     "\"aggregate\":\"last\",\"layout\":{\"chat\":\"auto\",\"last_not_pad\":true},"
     "\"context_max\":16384}"},
    {"seqcls", "{\"kind\":\"outcome\",\"head\":{\"type\":\"linear\",\"weight\":\"score.weight\","
               "\"bias\":\"score.bias\",\"optional_bias\":true},\"post\":{\"type\":\"sigmoid\"},"
               "\"aggregate\":\"last\",\"layout\":{\"chat\":\"auto\",\"last_not_pad\":true}}"},
    {"openrlhf", "{\"kind\":\"outcome\",\"head\":{\"type\":\"linear\",\"weight\":"
                 "\"{value_head_prefix}.weight\",\"bias\":\"{value_head_prefix}.bias\","
                 "\"optional_bias\":true},\"post\":{\"type\":\"sigmoid\"},\"aggregate\":\"last\","
                 "\"layout\":{\"chat\":\"auto\"}}"},
    {"verl-rm", "{\"kind\":\"outcome\",\"head\":{\"type\":\"linear\",\"weight\":\"score.weight\","
                "\"bias\":\"score.bias\",\"optional_bias\":true},\"post\":{\"type\":\"sigmoid\"},"
                "\"aggregate\":\"last\",\"layout\":{\"chat\":\"auto\"}}"},
    {"internlm2-reward",
     "{\"kind\":\"outcome\",\"head\":{\"type\":\"linear\",\"weight\":\"v_head.weight\"},"
     "\"post\":{\"type\":\"sigmoid\"},\"aggregate\":\"last\",\"layout\":{\"chat\":"
     "\"chatml\",\"begin\":[{\"bos\":true}],\"close\":[\"<|im_end|>\\n\",{\"reward_token\""
     ":true}]}}"},
    {"qwen2.5-math-rm",
     "{\"kind\":\"outcome\",\"head\":{\"type\":\"mlp_relu\",\"weight\":\"score.0.weight\","
     "\"bias\":\"score.0.bias\",\"out_weight\":\"score.2.weight\",\"out_bias\":"
     "\"score.2.bias\"},\"post\":{\"type\":\"sigmoid\"},\"aggregate\":\"last\",\"layout\":"
     "{\"chat\":\"chatml\",\"system_default\":"
     "\"Please reason step by step, and put your final answer within \\\\boxed{}.\"}}"},
    {"acemath-rm",
     "{\"kind\":\"outcome\",\"head\":{\"type\":\"linear\",\"weight\":\"score.weight\","
     "\"bias\":\"score.bias\",\"optional_bias\":true},\"post\":{\"type\":\"sigmoid\"},"
     "\"aggregate\":\"last\",\"layout\":{\"chat\":\"chatml\",\"system_default\":"
     "\"Please reason step by step, and check your final answer within \\\\boxed{}.\","
     "\"last_not_pad\":true}}"},
};

enum {
    PRESETS = RW_COUNT(PRESET),
    ANY = 0,
};

/* First match wins. `class_name` is the class or, with a leading '*', its end. Where a class and
 * its tensors say too little (a causal LM is a PRM or an ORM only by its name), `named` must occur
 * in the folder's name or in _name_or_path, in any case. */
static const struct {
    const char *preset;
    const char *class_name;
    const char *named; /* NULL = any */
    uint64_t outputs;  /* rows of score.weight; ANY */
} RULE[] = {
    {"reasonflux-prm", "Qwen2ForProcessRewardModel", "reasonflux", ANY},
    {"qwen2.5-math-prm", "Qwen2ForProcessRewardModel", NULL, ANY},
    {"qwen2.5-math-rm", "Qwen2ForRewardModel", NULL, ANY},
    {"skywork-o1-prm", "Qwen2ForPrmModel", NULL, ANY},
    {"internlm2-reward", "InternLM2ForRewardModel", NULL, ANY},
    {"openrlhf", "LLMForSequenceRegression", NULL, ANY},
    {"openrlhf", "RewardModel", NULL, ANY},
    {"acemath-rm", "*ForSequenceClassification", "acemath", 1},
    {"skywork-reward-v2", "*ForSequenceClassification", "skywork-reward", 1},
    {"seqcls", "*ForSequenceClassification", NULL, 1},
    {"pure-prm", "*ForTokenClassification", "pure-prm", 2},
    {"trl-prm-nlnl", "*ForTokenClassification", "instruct-prm-0.2", 2},
    {"trl-prm", "*ForTokenClassification", NULL, 2},
    {"verl-rm", "*ForTokenClassification", NULL, 1},
    {"rlhflow-prm-mistral", "LlamaForCausalLM", "prm-mistral", ANY},
    {"rlhflow-prm-deepseek", "LlamaForCausalLM", "prm-deepseek", ANY},
    {"rlhflow-orm", "LlamaForCausalLM", "orm-mistral", ANY},
    {"rlhflow-orm", "LlamaForCausalLM", "orm-deepseek", ANY},
    {"math-shepherd", "MistralForCausalLM", "math-shepherd", ANY},
    {"versaprm-llama", "LlamaForCausalLM", "versaprm", ANY},
    {"versaprm-llama", "LlamaForCausalLM", "llama-prm800k", ANY},
    {"versaprm-qwen", "Qwen2ForCausalLM", "versaprm", ANY},
    {"versaprm-qwen", "Qwen2ForCausalLM", "qwen-prm800k", ANY},
};

const struct rw_preset *rw_preset_find(struct rw_str name)
{
    for (size_t i = 0; i < PRESETS; i++) {
        if (rw_str_is(name, PRESET[i].name)) {
            return &PRESET[i];
        }
    }
    return NULL;
}

const char *const *rw_preset_names(void)
{
    static const char *names[PRESETS + 1];
    for (size_t i = 0; i < PRESETS; i++) {
        names[i] = PRESET[i].name; /* the same bytes whoever writes them */
    }
    return names;
}

static bool class_matches(const char *class_name, const char *architecture)
{
    if (class_name[0] == '*') {
        return rw_str_ends(rw_str_from(architecture), rw_str_from(class_name + 1));
    }
    return strcmp(class_name, architecture) == 0;
}

static bool occurs(const char *named, struct rw_str in)
{
    size_t len = strlen(named);
    for (size_t at = 0; at + len <= in.len; at++) {
        size_t i = 0;
        while (i < len && tolower((unsigned char)in.ptr[at + i]) == named[i]) {
            i++;
        }
        if (i == len) {
            return true;
        }
    }
    return false;
}

static rw_status refuse(const struct rw_config *config, struct rw_error *err)
{
    char list[RW_ERROR_HINT_MAX] = "";
    size_t used = 0;
    for (size_t i = 0; i < PRESETS && used < sizeof list; i++) {
        int n = snprintf(list + used, sizeof list - used, " %s", PRESET[i].name);
        used += n > 0 ? (size_t)n : 0;
    }
    rw_assert(used + sizeof "presets:" <= sizeof list); /* the list is whole */
    rw_fail(
        err, RW_MODEL_UNSUPPORTED,
        "the class \"%s\" and its tensors do not say how this model is scored; name a preset, or "
        "write rewardd.json",
        config->architecture);
    rw_error_param(err, "architectures");
    rw_error_hint(err, "presets:%s", list);
    return RW_MODEL_UNSUPPORTED;
}

rw_status rw_preset_recognise(const struct rw_config *config,
                              const struct rw_checkpoint *checkpoint, const char *folder_name,
                              struct rw_str known_as, const struct rw_preset **out,
                              struct rw_error *err)
{
    /* OpenRLHF saves under the backbone's class; only the head's name tells. */
    char value_head[RW_TENSOR_NAME_MAX];
    snprintf(value_head, sizeof value_head, "%s.weight", config->value_head_prefix);
    if (strcmp(config->value_head_prefix, "score") != 0 &&
        rw_checkpoint_find(checkpoint, value_head) != NULL) {
        *out = rw_preset_find(RW_STR("openrlhf"));
        return RW_OK;
    }
    const struct rw_tensor *score = rw_checkpoint_find(checkpoint, "score.weight");
    for (size_t i = 0; i < RW_COUNT(RULE); i++) {
        const char *named = RULE[i].named;
        if (class_matches(RULE[i].class_name, config->architecture) &&
            (named == NULL || occurs(named, rw_str_from(folder_name)) || occurs(named, known_as)) &&
            (RULE[i].outputs == ANY || (score != NULL && score->shape[0] == RULE[i].outputs))) {
            *out = rw_preset_find(rw_str_from(RULE[i].preset));
            return RW_OK;
        }
    }
    return refuse(config, err);
}
