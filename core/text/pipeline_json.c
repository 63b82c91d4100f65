#include "core/text/pipeline_json.h"

enum {
    NAME_BYTES_SHOWN = 160, /* of a foreign name in a message */
};

static const char *const NORMALIZERS = "supported normalizers: NFC, Prepend, Replace with a string";
static const char *const PRE_TOKENIZERS =
    "supported pre-tokenizers: ByteLevel, Split with the pattern of Qwen2 or Llama 3, Metaspace";

static rw_status refuse(struct rw_error *err, const char *hint, const char *what,
                        struct rw_str name)
{
    if (name.len > NAME_BYTES_SHOWN) {
        name.len = NAME_BYTES_SHOWN;
    }
    rw_fail(err, RW_MODEL_UNSUPPORTED, "%s %.*s is not supported", what, RW_STR_ARG(name));
    rw_error_hint(err, "%s", hint);
    return RW_MODEL_UNSUPPORTED;
}

static bool is_absent(const struct rw_json *node)
{
    return node == NULL || node->type == RW_JSON_NULL;
}

/* The string member, or an empty string. */
static struct rw_str string_of(const struct rw_json *object, const char *key)
{
    const struct rw_json *value = rw_json_get(object, key);
    bool is_string = value != NULL && value->type == RW_JSON_STRING;
    return is_string ? value->text : (struct rw_str){NULL, 0};
}

bool rw_pipeline_flag(const struct rw_json *object, const char *key, bool missing)
{
    const struct rw_json *value = rw_json_get(object, key);
    return is_absent(value) ? missing : value->type == RW_JSON_TRUE;
}

/* The steps keep copies: the JSON text goes away after loading. */
static rw_status add_step(struct rw_tokenizer *t, struct rw_rewrites *steps, struct rw_rewrite step,
                          struct rw_error *err)
{
    step.a = rw_arena_copy(&t->arena, step.a);
    step.b = rw_arena_copy(&t->arena, step.b);
    if (step.a.ptr == NULL || step.b.ptr == NULL) {
        return rw_fail_memory(err, "the normalizer");
    }
    if (!rw_rewrites_add(steps, step)) {
        return rw_fail(err, RW_MODEL_UNSUPPORTED, "more than %d normalisation steps",
                       RW_TOKENIZER_STEPS_MAX);
    }
    return RW_OK;
}

static rw_status add_replace(struct rw_tokenizer *t, const struct rw_json *node,
                             struct rw_error *err)
{
    const struct rw_json *pattern = rw_json_get(node, "pattern");
    struct rw_str from = string_of(pattern, "String");
    if (from.len == 0) {
        return refuse(err, NORMALIZERS, "normalizer Replace with the pattern",
                      string_of(pattern, "Regex"));
    }
    struct rw_rewrite step = {RW_REWRITE_REPLACE, .a = from, .b = string_of(node, "content")};
    return add_step(t, &t->normalize, step, err);
}

rw_status rw_pipeline_normalizer(struct rw_tokenizer *t, const struct rw_json *node,
                                 struct rw_error *err)
{
    if (is_absent(node)) {
        return RW_OK;
    }
    struct rw_str type = string_of(node, "type");
    if (rw_str_is(type, "NFC")) {
        return add_step(t, &t->normalize, (struct rw_rewrite){RW_REWRITE_NFC}, err);
    }
    if (rw_str_is(type, "Prepend")) {
        struct rw_rewrite step = {RW_REWRITE_PREFIX, .a = string_of(node, "prepend")};
        return add_step(t, &t->normalize, step, err);
    }
    if (rw_str_is(type, "Replace")) {
        return add_replace(t, node, err);
    }
    if (rw_str_is(type, "Sequence")) {
        rw_status status = RW_OK;
        RW_JSON_EACH (item, rw_json_get(node, "normalizers")) {
            status = rw_pipeline_normalizer(t, item, err);
            if (status != RW_OK) {
                return status;
            }
        }
        return RW_OK;
    }
    return refuse(err, NORMALIZERS, "normalizer", type);
}

/* Splitting at every match: "Isolated", or "Removed" of what does not match; our patterns match
 * every character, so that both mean the same. */
static bool splits_at_matches(const struct rw_json *node)
{
    bool invert = rw_pipeline_flag(node, "invert", false);
    return rw_str_is(string_of(node, "behavior"), invert ? "Removed" : "Isolated");
}

static rw_status add_split(struct rw_tokenizer *t, const struct rw_json *node, struct rw_error *err)
{
    struct rw_str regex = string_of(rw_json_get(node, "pattern"), "Regex");
    enum rw_pattern pattern;
    if (!rw_pretokenize_known(regex, &pattern)) {
        return refuse(err, PRE_TOKENIZERS, "pre-tokenizer Split with the pattern", regex);
    }
    if (!splits_at_matches(node)) {
        return refuse(err, PRE_TOKENIZERS, "pre-tokenizer Split with the behavior",
                      string_of(node, "behavior"));
    }
    if (t->pattern != RW_PATTERN_NONE) {
        return refuse(err, PRE_TOKENIZERS, "pre-tokenizer", RW_STR("Split after another"));
    }
    t->pattern = pattern;
    return RW_OK;
}

static rw_status add_byte_level(struct rw_tokenizer *t, const struct rw_json *node,
                                struct rw_error *err)
{
    bool use_regex = rw_pipeline_flag(node, "use_regex", true);
    bool add_prefix_space = rw_pipeline_flag(node, "add_prefix_space", true);
    if (t->pattern != RW_PATTERN_NONE && (use_regex || add_prefix_space)) {
        return refuse(err, PRE_TOKENIZERS, "pre-tokenizer Split followed by",
                      RW_STR("ByteLevel with use_regex or add_prefix_space"));
    }
    t->byte_level = true;
    t->pattern = use_regex ? RW_PATTERN_GPT2 : t->pattern;
    if (!add_prefix_space) {
        return RW_OK;
    }
    struct rw_rewrite step = {RW_REWRITE_PREFIX, .a = RW_STR(" "), .b = RW_STR(" ")};
    return add_step(t, &t->prepare, step, err);
}

static rw_status add_metaspace(struct rw_tokenizer *t, const struct rw_json *node,
                               struct rw_error *err)
{
    struct rw_str mark = RW_STR("\xE2\x96\x81");
    struct rw_str replacement = string_of(node, "replacement");
    if (!rw_str_equal(replacement, mark)) {
        return refuse(err, PRE_TOKENIZERS, "pre-tokenizer Metaspace with replacement", replacement);
    }
    struct rw_str scheme = string_of(node, "prepend_scheme");
    bool never = rw_str_is(scheme, "never");
    bool first = rw_str_is(scheme, "first");
    bool always = scheme.len == 0 || rw_str_is(scheme, "always");
    if ((!never && !first && !always) ||
        (!never && !rw_pipeline_flag(node, "add_prefix_space", true))) {
        return refuse(err, PRE_TOKENIZERS, "pre-tokenizer Metaspace with prepend_scheme", scheme);
    }
    if (t->pattern != RW_PATTERN_NONE || t->prepare.count > 0) {
        return refuse(err, PRE_TOKENIZERS, "pre-tokenizer", RW_STR("Metaspace after another"));
    }
    t->pattern = rw_pipeline_flag(node, "split", true) ? RW_PATTERN_METASPACE : RW_PATTERN_NONE;
    struct rw_rewrite replace = {RW_REWRITE_REPLACE, .a = RW_STR(" "), .b = mark};
    rw_status status = add_step(t, &t->prepare, replace, err);
    if (status != RW_OK || never) {
        return status;
    }
    struct rw_rewrite prefix = {RW_REWRITE_PREFIX, .first_only = first, .a = mark, .b = mark};
    return add_step(t, &t->prepare, prefix, err);
}

rw_status rw_pipeline_pre_tokenizer(struct rw_tokenizer *t, const struct rw_json *node,
                                    struct rw_error *err)
{
    if (is_absent(node)) {
        return RW_OK;
    }
    struct rw_str type = string_of(node, "type");
    if (t->byte_level) {
        return refuse(err, PRE_TOKENIZERS, "behind ByteLevel, pre-tokenizer", type);
    }
    if (rw_str_is(type, "Split")) {
        return add_split(t, node, err);
    }
    if (rw_str_is(type, "ByteLevel")) {
        return add_byte_level(t, node, err);
    }
    if (rw_str_is(type, "Metaspace")) {
        return add_metaspace(t, node, err);
    }
    if (rw_str_is(type, "Sequence")) {
        RW_JSON_EACH (item, rw_json_get(node, "pretokenizers")) {
            rw_status status = rw_pipeline_pre_tokenizer(t, item, err);
            if (status != RW_OK) {
                return status;
            }
        }
        return RW_OK;
    }
    return refuse(err, PRE_TOKENIZERS, "pre-tokenizer", type);
}
