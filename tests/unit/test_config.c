/* core/model/config: what is read, what is refused, and with which words. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/util.h"
#include "core/io/json.h"
#include "core/model/config.h"
#include "tests/lib/suite.h"

#define SHAPE                                                              \
    "\"hidden_size\":64,\"intermediate_size\":96,\"num_hidden_layers\":4," \
    "\"num_attention_heads\":4,\"vocab_size\":500,\"max_position_embeddings\":4096"
#define LLAMA "\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\"," SHAPE
#define QWEN2                                                                      \
    "\"architectures\":[\"Qwen2ForProcessRewardModel\"],\"model_type\":\"qwen2\"," \
    "\"num_key_value_heads\":2," SHAPE

static struct rw_config config;
static struct rw_error err;

static rw_status parse(const char *text)
{
    struct rw_arena arena;
    rw_arena_init(&arena, 1 << 20);
    const struct rw_json *root;
    memset(&err, 0, sizeof err);
    ck_assert_int_eq(rw_json_parse(&arena, rw_str_from(text), &root, &err), RW_OK);
    rw_status status = rw_config_parse(root, &config, &err);
    rw_arena_fini(&arena);
    return status;
}

START_TEST(qwen_prm_ignores_an_unused_window)
{
    ck_assert_int_eq(
        parse("{" QWEN2 ",\"rms_norm_eps\":1e-05,\"sliding_window\":131072,"
              "\"use_sliding_window\":false,\"max_window_layers\":28,"
              "\"bos_token_id\":7,\"eos_token_id\":[9,8],\"torch_dtype\":\"bfloat16\"}"),
        RW_OK);
    ck_assert_str_eq(config.architecture, "Qwen2ForProcessRewardModel");
    ck_assert_int_eq(config.backbone, RW_BACKBONE_QWEN2);
    ck_assert_uint_eq(config.head_dim, 16);
    ck_assert_uint_eq(config.window, 0);
    ck_assert(config.qkv_bias && !config.o_bias && !config.mlp_bias && !config.qk_norm);
    ck_assert(!config.tied_embeddings);
    ck_assert_float_eq(config.rms_eps, 1e-5f);
    ck_assert_int_eq(config.bos_id, 7);
    ck_assert_int_eq(config.eos_id, 9);
    ck_assert_int_eq(config.pad_id, -1);
    ck_assert_str_eq(config.value_head_prefix, "score");
    ck_assert_uint_eq(config.labels, 0);
}
END_TEST

START_TEST(both_spellings_of_rope)
{
    static const char *const TEXT[] = {
        "{" LLAMA
        ",\"rope_theta\":500000.0,\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,"
        "\"low_freq_factor\":1,\"high_freq_factor\":4,\"original_max_position_embeddings\":8192}}",
        "{" LLAMA ",\"rope_parameters\":{\"rope_theta\":500000.0,\"rope_type\":\"llama3\","
        "\"factor\":8,\"low_freq_factor\":1,\"high_freq_factor\":4,"
        "\"original_max_position_embeddings\":8192}}",
    };
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(parse(TEXT[i]), RW_OK);
        ck_assert_int_eq(config.rope.type, RW_ROPE_LLAMA3);
        ck_assert(config.rope.theta == 500000.0 && config.rope.factor == 8);
        ck_assert(config.rope.low_freq_factor == 1 && config.rope.high_freq_factor == 4);
        ck_assert_uint_eq(config.rope.original_context, 8192);
        ck_assert_uint_eq(config.kv_heads, 4); /* absent: as many as heads */
    }
    ck_assert_int_eq(parse("{" LLAMA ",\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2.0,"
                           "\"original_max_position_embeddings\":1024}}"),
                     RW_OK);
    ck_assert_uint_eq(config.context_max, 1024); /* longer would need other frequencies */
}
END_TEST

START_TEST(windows)
{
#define MISTRAL                                                               \
    "{\"architectures\":[\"MistralForCausalLM\"],\"model_type\":\"mistral\"," \
    "\"num_key_value_heads\":2," SHAPE
    static const struct {
        const char *more;
        uint32_t window;
    } CASE[] = {{"", 4096}, {",\"sliding_window\":null", 0}, {",\"sliding_window\":48", 48}};
    for (size_t i = 0; i < 3; i++) {
        char text[1024];
        snprintf(text, sizeof text, MISTRAL "%s}", CASE[i].more);
        ck_assert_int_eq(parse(text), RW_OK);
        ck_assert_uint_eq(config.window, CASE[i].window);
        ck_assert_uint_eq(config.window_from_layer, 0);
    }
    ck_assert_int_eq(parse("{" QWEN2 ",\"use_sliding_window\":true,\"sliding_window\":40,"
                           "\"max_window_layers\":3}"),
                     RW_OK);
    ck_assert_uint_eq(config.window, 40);
    ck_assert_uint_eq(config.window_from_layer, 3);
    ck_assert_int_eq(parse("{" QWEN2 ",\"use_sliding_window\":true,\"sliding_window\":40}"), RW_OK);
    ck_assert_uint_eq(config.window, 0); /* default: the first 28 layers see everything */
    ck_assert_int_eq(parse("{" QWEN2 ",\"use_sliding_window\":true,\"sliding_window\":40,"
                           "\"layer_types\":[\"full_attention\",\"full_attention\","
                           "\"sliding_attention\",\"sliding_attention\"]}"),
                     RW_OK);
    ck_assert_uint_eq(config.window_from_layer, 2);
    ck_assert_uint_eq(config.window, 40);
}
END_TEST

START_TEST(qwen3_and_internlm2)
{
    ck_assert_int_eq(parse("{\"architectures\":[\"Qwen3ForSequenceClassification\"],"
                           "\"model_type\":\"qwen3\",\"num_key_value_heads\":2,\"head_dim\":32,"
                           "\"tie_word_embeddings\":true,\"id2label\":{\"0\":\"LABEL_0\"}," SHAPE
                           "}"),
                     RW_OK);
    ck_assert(config.qk_norm && !config.qkv_bias && config.tied_embeddings);
    ck_assert_uint_eq(config.head_dim, 32);
    ck_assert_uint_eq(config.labels, 1);
    ck_assert_int_eq(parse("{\"architectures\":[\"InternLM2ForRewardModel\"],"
                           "\"model_type\":\"internlm2\",\"num_key_value_heads\":2,\"bias\":false,"
                           "\"reward_token_id\":92527,\"rope_scaling\":null," SHAPE "}"),
                     RW_OK);
    ck_assert_int_eq(config.reward_token_id, 92527);
}
END_TEST

START_TEST(value_model_keys)
{
    ck_assert_int_eq(parse("{" LLAMA
                           ",\"value_head_prefix\":\"value_head\",\"normalize_reward\":true,"
                           "\"mean\":-0.5,\"std\":2}"),
                     RW_OK);
    ck_assert_str_eq(config.value_head_prefix, "value_head");
    ck_assert(config.normalize_reward && config.reward_mean == -0.5 && config.reward_std == 2);
    ck_assert_int_eq(parse("{" LLAMA ",\"normalize_reward\":true}"), RW_MODEL_CORRUPT);
    ck_assert_int_eq(parse("{" LLAMA ",\"normalize_reward\":true,\"mean\":0,\"std\":0}"),
                     RW_MODEL_CORRUPT);
}
END_TEST

/* transformers 5 takes rope_scaling whole where both stand, and theta only from it or outside. */
START_TEST(rope_scaling_wins_over_rope_parameters)
{
#define BOTH                                                                       \
    "{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":7}," \
    "\"rope_scaling\":{\"type\":\"linear\",\"factor\":4}"
    ck_assert_int_eq(parse(BOTH "}"), RW_OK);
    ck_assert_int_eq(config.rope.type, RW_ROPE_LINEAR);
    ck_assert(config.rope.theta == 10000.0 && config.rope.factor == 4);
    ck_assert_int_eq(parse(BOTH ",\"rope_theta\":9}"), RW_OK);
    ck_assert(config.rope.theta == 9.0);
    ck_assert_int_eq(
        parse("{" LLAMA ",\"rope_scaling\":{},\"rope_parameters\":{\"rope_theta\":7}}"), RW_OK);
    ck_assert(config.rope.theta == 7.0);
}
END_TEST

START_TEST(labels_and_their_names)
{
#define TOKEN_CLASSES \
    "{\"architectures\":[\"LlamaForTokenClassification\"],\"model_type\":\"llama\"," SHAPE
    ck_assert_int_eq(parse(TOKEN_CLASSES "}"), RW_OK);
    ck_assert_uint_eq(config.labels, 2); /* as transformers, where neither key says it */
    ck_assert_int_eq(config.label_sense[1], RW_LABEL_PLAIN);
    ck_assert_int_eq(parse(TOKEN_CLASSES ",\"num_labels\":1}"), RW_OK);
    ck_assert_uint_eq(config.labels, 1);
    ck_assert_int_eq(parse(TOKEN_CLASSES ",\"id2label\":{\"0\":\"Correct\",\"1\":\"incorrect\"}}"),
                     RW_OK);
    ck_assert_int_eq(config.label_sense[0], RW_LABEL_GOOD);
    ck_assert_int_eq(config.label_sense[1], RW_LABEL_BAD);
    ck_assert_int_eq(parse(TOKEN_CLASSES ",\"id2label\":{\"0\":\"a\",\"7\":\"b\"}}"),
                     RW_MODEL_CORRUPT);
    ck_assert(!config.own_code);
    ck_assert_int_eq(parse(TOKEN_CLASSES ",\"auto_map\":{\"AutoModel\":\"m.M\"}}"), RW_OK);
    ck_assert(config.own_code);
}
END_TEST

START_TEST(refusals_name_what_is_wrong)
{
    static const struct {
        const char *text;
        rw_status status;
        const char *param;
    } CASE[] = {
        {"{\"architectures\":[\"Gemma2ForSequenceClassification\"],\"model_type\":\"gemma2\"," SHAPE
         "}",
         RW_MODEL_UNSUPPORTED, "model_type"},
        {"{\"model_type\":\"llama\"," SHAPE "}", RW_MODEL_CORRUPT, "architectures"},
        {"{" LLAMA ",\"hidden_act\":\"gelu\"}", RW_MODEL_UNSUPPORTED, "hidden_act"},
        {"{" LLAMA ",\"quantization_config\":{\"quant_method\":\"awq\"}}", RW_MODEL_UNSUPPORTED,
         "quantization_config"},
        {"{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4}}", RW_MODEL_UNSUPPORTED,
         "rope_scaling"},
        {"{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":4}}", RW_MODEL_CORRUPT,
         "low_freq_factor"},
        {"{" LLAMA ",\"is_causal\":false}", RW_MODEL_UNSUPPORTED, "is_causal"},
        {"{" LLAMA ",\"is_causal\":null}", RW_MODEL_UNSUPPORTED, "is_causal"},
        {"{" LLAMA ",\"rope_parameters\":{\"rope_theta\":7},\"rope_scaling\":{\"type\":\"yarn\","
         "\"factor\":4}}",
         RW_MODEL_UNSUPPORTED, "rope_scaling"},
        {"{" LLAMA ",\"rope_parameters\":{\"full_attention\":{\"rope_theta\":7}}}",
         RW_MODEL_UNSUPPORTED, "rope_parameters"},
        {"{" LLAMA ",\"partial_rotary_factor\":\"1\"}", RW_MODEL_UNSUPPORTED,
         "partial_rotary_factor"},
        {"{" QWEN2 ",\"layer_types\":[\"full_attention\",\"full_attention\","
         "\"sliding_attention\",\"sliding_attention\"]}",
         RW_MODEL_CORRUPT, "sliding_window"},
        {MISTRAL ",\"sliding_window\":33,\"layer_types\":[\"full_attention\",\"full_attention\","
                 "\"full_attention\",\"full_attention\"]}",
         RW_MODEL_UNSUPPORTED, "layer_types"},
        {"{" LLAMA ",\"num_key_value_heads\":3}", RW_MODEL_CORRUPT, "num_key_value_heads"},
        {"{" LLAMA ",\"num_key_value_heads\":0}", RW_MODEL_CORRUPT, "num_key_value_heads"},
        {"{" LLAMA ",\"head_dim\":17}", RW_MODEL_CORRUPT, "head_dim"},
        {"{" LLAMA ",\"head_dim\":4294967298}", RW_MODEL_CORRUPT, "head_dim"},
        {"{" LLAMA ",\"rms_norm_eps\":-1}", RW_MODEL_CORRUPT, "rms_norm_eps"},
        {"{" LLAMA ",\"rope_theta\":0}", RW_MODEL_CORRUPT, "rope_theta"},
        {"{" LLAMA ",\"tie_word_embeddings\":1}", RW_MODEL_CORRUPT, "tie_word_embeddings"},
        {"{" LLAMA ",\"pad_token_id\":1.5}", RW_MODEL_CORRUPT, "pad_token_id"},
        {"{" QWEN2 ",\"use_sliding_window\":true,\"sliding_window\":4,\"max_window_layers\":0,"
         "\"layer_types\":[\"sliding_attention\",\"full_attention\",\"full_attention\","
         "\"full_attention\"]}",
         RW_MODEL_UNSUPPORTED, "layer_types"},
        {"{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"hidden_size\":64}",
         RW_MODEL_CORRUPT, "intermediate_size"},
        {"{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"hidden_size\":-64}",
         RW_MODEL_CORRUPT, "hidden_size"},
    };
    for (size_t i = 0; i < RW_COUNT(CASE); i++) {
        ck_assert_msg(parse(CASE[i].text) == CASE[i].status, "%s: %s", CASE[i].text, err.message);
        ck_assert_msg(strcmp(err.param, CASE[i].param) == 0, "%s: %s", CASE[i].text, err.param);
    }
    ck_assert_int_eq(parse(CASE[0].text), RW_MODEL_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "gemma2"));
    ck_assert_ptr_nonnull(strstr(err.hint, "internlm2")); /* the list of what is supported */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("config");
    tcase_add_test(tcase, qwen_prm_ignores_an_unused_window);
    tcase_add_test(tcase, both_spellings_of_rope);
    tcase_add_test(tcase, windows);
    tcase_add_test(tcase, qwen3_and_internlm2);
    tcase_add_test(tcase, value_model_keys);
    tcase_add_test(tcase, rope_scaling_wins_over_rope_parameters);
    tcase_add_test(tcase, labels_and_their_names);
    tcase_add_test(tcase, refusals_name_what_is_wrong);
    suite_add_tcase(suite, tcase);
    return rw_test_run(suite);
}
