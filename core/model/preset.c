#include "core/model/preset.h"

#include <stdio.h>

#include "core/base/util.h"
#include "core/io/json.h"

enum {
    PRESET_BYTES_MAX = 1 << 20, /* one preset as a tree */
};

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
     "\"chat\":\"llama3-auto\",\"prompt\":[\"<|start_header_id|>user<|end_header_id|>\\n\\n\",{"
     "\"content\":\"prompt\",\"trim\":\"left\"},\" \"],\"open\":[],\"response\":[{"
     "\"content\":\"response\",\"trim\":\"right\"},"
     "\"<|eot_id|><|start_header_id|>assistant<|end_header_id|>\\n\\n\",{\"score\":true},"
     "\"+<|eot_id|>\"],\"close\":[],\"marker\":\"\\n\\n\",\"remove\":\" ки\"}}"},
    {"math-shepherd",
     "{\"kind\":\"process\",\"head\":{\"type\":\"lm_rows\",\"rows\":[\"+\",\"-\"]},"
     "\"post\":{\"type\":\"softmax\",\"good\":0},\"aggregate\":\"min\",\"layout\":{"
     "\"post_processor\":true,\"prompt\":[{\"content\":\"prompt\"},\" \"],\"step\":[{"
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
     "\"post_processor\":true,\"prompt\":[{\"content\":\"prompt\"},\" \\n\\n\"],"
     "\"step\":[{\"content\":\"step\"},\" \\n\\n\\n\\n\",{\"score\":true}],\"marker\":"
     "\" \\n\\n\\n\\n\",\"count_marker\":true,\"split\":[\" \\n\\n\\n\\n\",\"\\n\\n\"]}}"},
    {"versaprm-qwen",
     "{\"kind\":\"process\",\"head\":{\"type\":\"lm_rows\",\"rows\":[\"-\",\"+\"]},"
     "\"post\":{\"type\":\"softmax\",\"good\":1},\"aggregate\":\"min\",\"layout\":{"
     "\"post_processor\":true,\"prompt\":[{\"content\":\"prompt\"},\" \\n\\n\"],"
     "\"step\":[{\"content\":\"step\"},\" \\n\\n\\n\\n\",{\"score\":true}],\"marker\":"
     "\" \\n\\n\\n\\n\",\"count_marker\":true,\"split\":[\" \\n\\n\\n\\n\",\"\\n\\n\"]}}"},
    {"skywork-reward-v2",
     "{\"kind\":\"outcome\",\"head\":{\"type\":\"linear\",\"weight\":\"score.weight\"},\"post\":{"
     "\"type\":\"sigmoid\"},"
     "\"aggregate\":\"last\",\"layout\":{\"chat\":\"auto\",\"no_template\":\"plain-eos\",\"last_"
     "not_pad\":true}"
     ","
     "\"context_max\":16384}"},
    {"seqcls",
     "{\"kind\":\"outcome\",\"head\":{\"type\":\"linear\",\"weight\":\"score.weight\"},"
     "\"post\":{\"type\":\"sigmoid\"},\"aggregate\":\"last\",\"layout\":{\"chat\":\"auto\","
     "\"no_template\":\"plain-eos\",\"last_not_pad\":true}}"},
    {"openrlhf",
     "{\"kind\":\"outcome\",\"head\":{\"type\":\"linear\",\"weight\":"
     "\"{value_head_prefix}.weight\"},\"post\":{\"type\":\"sigmoid\"},\"aggregate\":\"last\","
     "\"layout\":{\"chat\":\"auto\",\"no_template\":\"bare\",\"end\":\"spaced_eos\"}}"},
    {"verl-rm", "{\"kind\":\"outcome\",\"head\":{\"type\":\"linear\",\"weight\":\"score.weight\","
                "\"bias\":\"score.bias\",\"optional_bias\":true},\"post\":{\"type\":\"sigmoid\"},"
                "\"aggregate\":\"last\",\"layout\":{\"chat\":\"auto\",\"same_bos\":true}}"},
    {"llamafactory-rm",
     "{\"kind\":\"outcome\",\"head\":{\"type\":\"linear\",\"weight\":"
     "\"v_head.summary.weight\",\"bias\":\"v_head.summary.bias\"},\"post\":{\"type\":"
     "\"sigmoid\"},\"aggregate\":\"last\",\"layout\":{\"chat\":\"auto\",\"cut_answer\":true,"
     "\"end\":"
     "\"eos_if_bare\"}}"},
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
    {"worldpm",
     "{\"kind\":\"outcome\",\"head\":{\"type\":\"mlp_relu\",\"weight\":\"score.0.weight\","
     "\"bias\":\"score.0.bias\",\"out_weight\":\"score.2.weight\",\"out_bias\":"
     "\"score.2.bias\"},\"post\":{\"type\":\"sigmoid\"},\"aggregate\":\"last\",\"layout\":"
     "{\"chat\":\"chatml\",\"system_default\":\"\"}}"},
    {"math-minos",
     "{\"kind\":\"process\",\"head\":{\"type\":\"linear\",\"weight\":\"score.weight\","
     "\"bias\":\"score.bias\",\"optional_bias\":true},\"post\":{\"type\":\"sigmoid\"},"
     "\"aggregate\":\"min\",\"layout\":{\"post_processor\":true,\"prompt\":["
     "\"Human: \",{\"content\":\"prompt\"},\"\\n\\nAssistant:\"],\"step\":[{"
     "\"number\":\"Step {k}: \"},{\"content\":\"step\"},\" и\",{\"score\":true}],"
     "\"between\":[\"\\n\"],\"marker\":\"и\",\"count_marker\":true,\"drop_suffix\":"
     "\" и\",\"split\":[\"и\\n\",\"\\n\"]}}"},
    {"acemath-rm",
     "{\"kind\":\"outcome\",\"head\":{\"type\":\"linear\",\"weight\":\"score.weight\"},\"post\":{"
     "\"type\":\"sigmoid\"},"
     "\"aggregate\":\"last\",\"layout\":{\"chat\":\"chatml\",\"system_default\":"
     "\"Please reason step by step, and check your final answer within \\\\boxed{}.\","
     "\"last_not_pad\":true}}"},
};

enum {
    PRESETS = RW_COUNT(PRESET),
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

static struct rw_str text_of(const struct rw_json *value)
{
    return value != NULL && value->type == RW_JSON_STRING ? value->text : RW_STR("?");
}

bool rw_preset_line(size_t i, char *line, size_t size)
{
    const char *const *names = rw_preset_names();
    size_t n = 0;
    while (names[n] != NULL && n < i) {
        n++;
    }
    if (names[n] == NULL) {
        return false;
    }
    struct rw_arena arena;
    const struct rw_json *root = NULL;
    rw_arena_init(&arena, PRESET_BYTES_MAX);
    struct rw_str text = rw_str_from(rw_preset_find(rw_str_from(names[n]))->text);
    if (rw_json_parse(&arena, text, &root, NULL) != RW_OK) {
        root = NULL; /* no memory: the name alone */
    }
    const struct rw_json *kind = rw_json_get(root, "kind");
    const struct rw_json *head = rw_json_get(rw_json_get(root, "head"), "type");
    const struct rw_json *aggregate = rw_json_get(root, "aggregate");
    snprintf(line, size, "%-22s %.*s reward, head %.*s, aggregate %.*s", names[n],
             RW_STR_ARG(text_of(kind)), RW_STR_ARG(text_of(head)), RW_STR_ARG(text_of(aggregate)));
    rw_arena_fini(&arena);
    return true;
}
