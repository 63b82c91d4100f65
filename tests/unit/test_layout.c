/* core/model: layouts, inputs and manifests over the tiny tokenizers of tests/golden. Equality with
 * the authors' recipes is tests/oracle/test_inputs.py; here are the contracts: K steps in, K
 * positions out or an error, spans, limits, and hostile text. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/date.h"
#include "core/base/util.h"
#include "core/io/json.h"
#include "core/model/input.h"
#include "core/model/manifest.h"
#include "core/model/package.h"
#include "core/model/preset.h"
#include "core/model/split.h"
#include "tests/lib/data.h"
#include "tests/lib/suite.h"

static struct rw_package package;
static struct rw_manifest manifest;
static struct rw_chat chat;
static struct rw_arena arena;
static struct rw_input input;
static struct rw_error err;

/* A package without a folder: the tokenizer, and the layout of a rewardd.json. */
static rw_status open_layout(const char *tokenizer, const char *text)
{
    char path[RW_TEST_PATH_MAX];
    char relative[128];
    const struct rw_json *root;
    snprintf(relative, sizeof relative, "tests/golden/tokenizers/%s", tokenizer);
    rw_test_source_path(relative, path);
    memset(&err, 0, sizeof err);
    ck_assert_int_eq(rw_tokenizer_open(path, &package.tokenizer, &err), RW_OK);
    package.config = (struct rw_config){
        .vocab = 1000, .context_max = 4096, .hidden = 64, .pad_id = -1, .reward_token_id = 7};
    package.context_max = 4096;
    manifest = (struct rw_manifest){
        .arena = &arena,
        .config = &package.config,
        .tokenizer = package.tokenizer,
        .chat = &chat,
        .dir = "/nonexistent",
        .layout = {.marker = -1, .join = RW_STR("\n\n")},
    };
    ck_assert_int_eq(rw_json_parse(&arena, rw_str_from(text), &root, &err), RW_OK);
    rw_status status = rw_manifest_apply(&manifest, root, &err);
    if (status == RW_OK) {
        status = rw_manifest_check(&manifest, &err);
    }
    package.layout = &manifest.layout;
    package.recipe = manifest.recipe;
    return status;
}

#define CHATML_TURNS \
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
#define LLAMA3_TURNS                                                                             \
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n" \
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"

static void open_preset(const char *tokenizer, const char *name)
{
    const struct rw_preset *preset = rw_preset_find(rw_str_from(name));
    ck_assert_ptr_nonnull(preset);
    ck_assert_msg(open_layout(tokenizer, preset->text) == RW_OK, "%s: %s", name, err.message);
}

static void setup(void)
{
    rw_arena_init(&arena, (size_t)64 << 20);
    chat = (struct rw_chat){0};
}

static void teardown(void)
{
    rw_tokenizer_close(package.tokenizer);
    package.tokenizer = NULL;
    rw_arena_fini(&arena);
}

static const struct rw_message QUESTION = {RW_ROLE_USER, {"How many pens?", 14}};

static struct rw_trace_source source_of(const struct rw_str *steps, size_t n)
{
    return (struct rw_trace_source){.messages = &QUESTION,
                                    .n_messages = 1,
                                    .steps = steps,
                                    .n_steps = n,
                                    .steps_max = 100000,
                                    .tokens_max = 4096};
}

static rw_status build(const struct rw_trace_source *source)
{
    memset(&err, 0, sizeof err);
    return rw_input_build(&package, source, &arena, &input, &err);
}

static rw_status build_text(const char *text)
{
    struct rw_trace_source source = source_of(NULL, 0);
    source.is_text = true;
    source.text = rw_str_from(text);
    return build(&source);
}

START_TEST(every_preset_is_read)
{
    static const char *const QWEN[] = {"qwen2.5-math-prm", "reasonflux-prm",  "skywork-o1-prm",
                                       "trl-prm",          "trl-prm-nlnl",    "pure-prm",
                                       "versaprm-qwen",    "qwen2.5-math-rm", "acemath-rm",
                                       "seqcls",           "verl-rm",         "skywork-reward-v2",
                                       "openrlhf",         "worldpm",         "llamafactory-rm"};
    static const char *const LLAMA[] = {"rlhflow-prm-mistral", "rlhflow-prm-deepseek",
                                        "versaprm-llama", "rlhflow-orm"};
    size_t n = 0;
    chat =
        (struct rw_chat){.template_text = RW_STR(CHATML_TURNS), .eos_token = RW_STR("<|im_end|>")};
    for (size_t i = 0; i < RW_COUNT(QWEN); i++, n++) {
        open_preset("qwen", QWEN[i]);
        rw_tokenizer_close(package.tokenizer);
    }
    for (size_t i = 0; i < RW_COUNT(LLAMA); i++, n++) {
        chat = (struct rw_chat){.template_text = RW_STR(LLAMA3_TURNS),
                                .bos_token = RW_STR("<|begin_of_text|>"),
                                .special = {{"bos_token", RW_STR("<|begin_of_text|>")}},
                                .n_special = 1};
        open_preset("llama3", LLAMA[i]);
        rw_tokenizer_close(package.tokenizer);
    }
    chat = (struct rw_chat){.bos_token = RW_STR("<s>")};
    open_preset("mistral", "math-shepherd");
    rw_tokenizer_close(package.tokenizer);
    open_preset("mistral", "math-minos");
    rw_tokenizer_close(package.tokenizer);
    open_preset("internlm2", "internlm2-reward");
    n += 3;
    for (size_t i = 0;; i++) {
        if (rw_preset_names()[i] == NULL) {
            ck_assert_uint_eq(i, n); /* a new preset must be read here */
            break;
        }
    }
}
END_TEST

/* Where the reward is read without a template: as each trainer made its inputs. */
START_TEST(inputs_without_a_template)
{
    static const struct {
        const char *preset, *text;
        int first, last_but_one, last; /* ids; -1 = any */
        uint32_t tokens;               /* 0 = any */
    } CASE[] = {
        {"seqcls", "36", 486, -1, 490, 0},              /* BOS of the post-processor, EOS behind */
        {"seqcls", "36<|eot_id|>", 486, -1, 490, 0},    /* once */
        {"openrlhf", "36", -1, -1, 490, 0},             /* no BOS */
        {"openrlhf", "36\n\n", -1, -1, 490, 0},         /* newlines are cut off */
        {"openrlhf", "36<|eot_id|>\n", -1, -1, 490, 0}, /* EOS typed at the end is the EOS */
    };
    uint32_t tokens[RW_COUNT(CASE)];
    for (size_t i = 0; i < RW_COUNT(CASE); i++) {
        chat = (struct rw_chat){.bos_token = RW_STR("<|begin_of_text|>"),
                                .eos_token = RW_STR("<|eot_id|>")};
        open_preset("llama3", CASE[i].preset);
        ck_assert_int_eq(build_text(CASE[i].text), RW_OK);
        tokens[i] = input.n_tokens;
        ck_assert_int_eq(input.ids[input.n_tokens - 1], CASE[i].last);
        ck_assert_uint_eq(input.outcome_position, input.n_tokens - 1);
        ck_assert_msg((input.ids[0] == 486) == (CASE[i].first == 486), "%zu", i);
        for (uint32_t k = 0; k + 1 < input.n_tokens; k++) {
            ck_assert_int_ne(input.ids[k], 490);
        }
        rw_tokenizer_close(package.tokenizer);
    }
    ck_assert_uint_eq(tokens[0], tokens[1]);
    ck_assert_uint_eq(tokens[2], tokens[3]);
    ck_assert_uint_eq(tokens[4] + 1, tokens[2]); /* no space where the EOS stood already */
    chat.missing = "tokenizer_config.json is missing";
    const struct rw_preset *preset = rw_preset_find(RW_STR("seqcls"));
    ck_assert_int_eq(open_layout("llama3", preset->text), RW_MODEL_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "tokenizer_config.json is missing"));
}
END_TEST

START_TEST(positions_are_markers_and_spans_are_exact)
{
    open_preset("qwen", "qwen2.5-math-prm");
    const struct rw_str steps[] = {RW_STR("We add 2 + 3 = 5."), RW_STR("e\xCC\x81 \xE6\xBC\xA2"),
                                   RW_STR("So \\boxed{5}.")};
    struct rw_trace_source source = source_of(steps, 3);
    ck_assert_int_eq(build(&source), RW_OK);
    int32_t marker = rw_tokenizer_find(package.tokenizer, RW_STR("<extra_0>"));
    ck_assert_int_ge(marker, 0);
    uint32_t tokens = input.prompt_tokens;
    uint32_t chars = 0;
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(input.ids[input.steps[i].position], marker);
        tokens += input.steps[i].tokens;
        ck_assert_uint_eq(tokens, input.steps[i].position + 1);
        ck_assert_uint_eq(input.steps[i].byte_end - input.steps[i].byte_begin, steps[i].len);
        ck_assert_uint_eq(input.steps[i].char_begin, chars);
        chars = input.steps[i].char_end;
    }
    ck_assert_uint_eq(chars, 17 + 4 + 13);
    ck_assert_uint_eq(input.n_tokens, input.steps[2].position + 3); /* <|im_end|> and a newline */
    ck_assert_uint_eq(input.special_token_texts, 0);
}
END_TEST

START_TEST(a_text_is_split_by_the_models_rule)
{
    open_preset("qwen", "qwen2.5-math-prm");
    ck_assert_int_eq(build_text("\xC3\xA9 one\n\n\n\ntwo\n\n  \n\nthree\nmore\n\n"), RW_OK);
    ck_assert(rw_str_is(input.split, "\n\n"));
    static const uint32_t BYTES[][2] = {{0, 6}, {10, 13}, {19, 29}};
    static const uint32_t CHARS[][2] = {{0, 5}, {9, 12}, {18, 28}};
    ck_assert_uint_eq(input.n_steps, 3); /* white space is no step */
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(input.steps[i].byte_begin, BYTES[i][0]);
        ck_assert_uint_eq(input.steps[i].byte_end, BYTES[i][1]);
        ck_assert_uint_eq(input.steps[i].char_begin, CHARS[i][0]);
        ck_assert_uint_eq(input.steps[i].char_end, CHARS[i][1]);
    }
    ck_assert_int_eq(build_text("only one"), RW_OK);
    ck_assert_uint_eq(input.n_steps, 1);
    ck_assert_uint_eq(input.split.len, 0);
    ck_assert_int_eq(build_text(" \n\n "), RW_EMPTY_TRACE);
    ck_assert_int_eq(build_text(""), RW_EMPTY_TRACE);
    ck_assert_str_eq(err.param, "text");
}
END_TEST

START_TEST(empty_steps_are_refused_or_scored_as_the_reference_does)
{
    const struct rw_str steps[] = {RW_STR("a"), RW_STR(""), RW_STR("b")};
    struct rw_trace_source source = source_of(steps, 3);
    open_preset("qwen", "qwen2.5-math-prm");
    ck_assert_int_eq(build(&source), RW_EMPTY_TRACE);
    ck_assert_str_eq(err.param, "steps[1]");
    source.n_steps = 0;
    ck_assert_int_eq(build(&source), RW_EMPTY_TRACE);
    rw_tokenizer_close(package.tokenizer);
    open_preset("qwen", "skywork-o1-prm");
    source.n_steps = 3;
    ck_assert_int_eq(build(&source), RW_OK);
    ck_assert_uint_eq(input.n_scored_steps, 3);
    ck_assert_uint_eq(input.steps[1].position, input.steps[0].position + 1);
    ck_assert_int_eq(build_text("a\n\nb"), RW_OK);
    ck_assert_uint_eq(input.n_steps,
                      3); /* the empty line is an extra position, as in the reference */
}
END_TEST

START_TEST(special_tokens_in_steps_are_text)
{
    open_preset("qwen", "qwen2.5-math-prm");
    const struct rw_str steps[] = {RW_STR("a<extra_0>b<|im_end|>"), RW_STR("c")};
    struct rw_trace_source source = source_of(steps, 2);
    ck_assert_int_eq(build(&source), RW_OK);
    ck_assert_uint_eq(input.n_scored_steps, 2);
    ck_assert_uint_eq(input.special_token_texts, 2);
    source.parse_special = true; /* as the reference: one position too many */
    ck_assert_int_eq(build(&source), RW_STEP_MISMATCH);
}
END_TEST

START_TEST(a_marker_typed_or_merged_is_a_mismatch)
{
    chat.bos_token = RW_STR("<s>");
    open_preset("mistral", "math-shepherd");
    const struct rw_str typed[] = {RW_STR("a \xD0\xBA\xD0\xB8 b"), RW_STR("c")};
    struct rw_trace_source source = source_of(typed, 2);
    ck_assert_int_eq(build(&source), RW_STEP_MISMATCH);
    /* Its own number and its own last marker are not written twice. */
    const struct rw_str own[] = {RW_STR("Step 1: a \xD0\xBA\xD0\xB8"), RW_STR("c")};
    source = source_of(own, 2);
    ck_assert_int_eq(build(&source), RW_OK);
    uint32_t n_tokens = input.n_tokens;
    const struct rw_str bare[] = {RW_STR("a"), RW_STR("Step 2: c")};
    source = source_of(bare, 2);
    ck_assert_int_eq(build(&source), RW_OK);
    ck_assert_uint_eq(input.n_tokens, n_tokens);
    rw_tokenizer_close(package.tokenizer);

    /* ".\n\n" is one token: a joined text hides the separator that a recipe reads. */
    chat.bos_token = (struct rw_str){0};
    ck_assert_int_eq(open_layout("qwen", "{\"kind\":\"process\",\"post\":{\"type\":\"sigmoid\"},"
                                         "\"head\":{\"type\":\"linear\",\"weight\":\"w\"},"
                                         "\"layout\":{\"prompt\":[{\"content\":\"prompt\"}],"
                                         "\"step\":[{\"content\":\"step\"},\"\\n\\n\","
                                         "{\"score\":true}],\"marker\":\"\\n\\n\"}}"),
                     RW_OK);
    const struct rw_str merged[] = {RW_STR("a."), RW_STR("c")};
    source = source_of(merged, 2);
    ck_assert_int_eq(build(&source), RW_STEP_MISMATCH);
    ck_assert_str_eq(err.param, "steps[0]");
}
END_TEST

START_TEST(overlong_is_an_error_unless_a_policy_is_chosen)
{
    open_preset("qwen", "qwen2.5-math-prm");
    struct rw_str steps[200];
    for (int i = 0; i < 200; i++) {
        steps[i] = RW_STR("We add 2 + 3 = 5.");
    }
    struct rw_trace_source source = source_of(steps, 200);
    ck_assert_int_eq(build(&source), RW_OK);
    uint32_t position = input.steps[10].position;
    int32_t id = input.ids[position - 1];
    source.tokens_max = position + 3;
    ck_assert_int_eq(build(&source), RW_CONTEXT_EXCEEDED);
    source.overlong = RW_OVERLONG_DROP_STEPS;
    ck_assert_int_eq(build(&source), RW_OK);
    ck_assert(input.truncated);
    ck_assert_uint_eq(input.n_steps, 200);
    ck_assert_uint_eq(input.n_scored_steps, 11);
    ck_assert_uint_eq(input.n_tokens, position + 1);
    ck_assert_int_eq(input.ids[position - 1], id);
    source.tokens_max = 5;
    ck_assert_int_eq(build(&source), RW_CONTEXT_EXCEEDED);
    source.steps_max = 199;
    ck_assert_int_eq(build(&source), RW_LIMIT_EXCEEDED);
}
END_TEST

START_TEST(ten_thousand_steps)
{
    open_preset("qwen", "qwen2.5-math-prm");
    struct rw_str *steps = rw_arena_array(&arena, 10000, sizeof *steps);
    for (int i = 0; i < 10000; i++) {
        steps[i] = RW_STR("x");
    }
    struct rw_trace_source source = source_of(steps, 10000);
    source.tokens_max = 100000;
    package.context_max = 100000;
    ck_assert_int_eq(build(&source), RW_OK);
    ck_assert_uint_eq(input.n_scored_steps, 10000);
    ck_assert_uint_eq(input.steps[9999].position - input.steps[0].position, 2 * 9999);
}
END_TEST

START_TEST(roles_that_have_no_place_are_refused)
{
    const struct rw_str steps[] = {RW_STR("a")};
    static const struct rw_message SYSTEM_FIRST[] = {{RW_ROLE_SYSTEM, {"be brief", 8}},
                                                     {RW_ROLE_USER, {"hi", 2}}};
    static const struct rw_message ASSISTANT_LAST[] = {{RW_ROLE_USER, {"hi", 2}},
                                                       {RW_ROLE_ASSISTANT, {"ho", 2}}};
    static const struct rw_message SYSTEM_LATE[] = {
        {RW_ROLE_USER, {"hi", 2}}, {RW_ROLE_SYSTEM, {"no", 2}}, {RW_ROLE_USER, {"hi", 2}}};
    static const struct rw_message EMPTY[] = {{RW_ROLE_USER, {"", 0}}};
    struct rw_trace_source source = source_of(steps, 1);
    open_preset("qwen", "qwen2.5-math-prm");
    source.messages = SYSTEM_FIRST;
    source.n_messages = 2;
    ck_assert_int_eq(build(&source), RW_OK);
    source.messages = ASSISTANT_LAST;
    ck_assert_int_eq(build(&source), RW_INVALID_REQUEST);
    ck_assert_str_eq(err.param, "messages[1]");
    source.messages = SYSTEM_LATE;
    source.n_messages = 3;
    ck_assert_int_eq(build(&source), RW_INVALID_REQUEST);
    source.messages = EMPTY;
    source.n_messages = 1;
    ck_assert_int_eq(build(&source), RW_INVALID_REQUEST);
    rw_tokenizer_close(package.tokenizer);
    open_preset("qwen", "trl-prm");
    source.messages = SYSTEM_FIRST;
    source.n_messages = 2;
    ck_assert_int_eq(build(&source), RW_INVALID_REQUEST);
}
END_TEST

START_TEST(outcome_is_read_at_the_last_token_that_is_not_padding)
{
    const struct rw_str steps[] = {RW_STR("a"), RW_STR("b")};
    struct rw_trace_source source = source_of(steps, 2);
    chat.template_text = RW_STR(CHATML_TURNS);
    open_preset("qwen", "seqcls");
    ck_assert_int_eq(build(&source), RW_OK);
    ck_assert_uint_eq(input.outcome_position, input.n_tokens - 1);
    ck_assert_uint_eq(input.n_steps, 0);
    package.config.pad_id = input.ids[input.n_tokens - 1];
    ck_assert_int_eq(build(&source), RW_OK);
    ck_assert_uint_eq(input.outcome_position, input.n_tokens - 2);
    /* One text equals its steps joined. */
    uint32_t n_tokens = input.n_tokens;
    ck_assert_int_eq(build_text("a\n\nb"), RW_OK);
    ck_assert_uint_eq(input.n_tokens, n_tokens);
    ck_assert_int_eq(build_text(""), RW_EMPTY_TRACE);
}
END_TEST

/* Markers a policy wrote itself are taken out: what is left must be an answer. */
START_TEST(a_response_of_markers_alone_is_empty)
{
    static const char ORM[] =
        "{\"kind\":\"outcome\",\"head\":{\"type\":\"linear\",\"weight\":\"w\"},"
        "\"post\":{\"type\":\"sigmoid\"},\"layout\":{\"prompt\":[{\"content\":"
        "\"prompt\"}],\"response\":[{\"content\":\"response\"}],\"remove\":\" ки\"}}";
    ck_assert_msg(open_layout("qwen", ORM) == RW_OK, "%s", err.message);
    ck_assert_int_eq(build_text("5 ки"), RW_OK);
    uint32_t n_tokens = input.n_tokens;
    ck_assert_int_eq(build_text("5"), RW_OK);
    ck_assert_uint_eq(input.n_tokens, n_tokens);
    ck_assert_int_eq(build_text(" ки"), RW_EMPTY_TRACE);
    ck_assert_int_eq(build_text(" ки ки"), RW_EMPTY_TRACE);
}
END_TEST

#define GOOD                                                                \
    "\"kind\":\"process\",\"head\":{\"type\":\"linear\",\"weight\":\"w\"}," \
    "\"post\":{\"type\":\"sigmoid\"}"
#define STEP   "\"step\":[{\"content\":\"step\"},{\"score\":true}]"
#define PROMPT "\"prompt\":[{\"content\":\"prompt\"}]"

START_TEST(manifests_that_are_not_understood_are_refused)
{
    static const struct {
        const char *text;
        const char *param;
    } CASE[] = {
        {"{" GOOD ",\"layout\":{" PROMPT "," STEP "},\"extra\":1}", "extra"},
        {"{" GOOD ",\"layout\":{" PROMPT "," STEP ",\"stepp\":[]}}", "layout.stepp"},
        {"{" GOOD "}", "rewardd.json"},
        {"{" GOOD ",\"layout\":{" PROMPT ",\"step\":[{\"content\":\"step\"}]}}", "layout"},
        {"{" GOOD ",\"layout\":{" STEP "}}", "layout"},
        {"{" GOOD ",\"layout\":{" PROMPT ",\"step\":[{\"content\":\"prompt\"},{\"score\":true}]}}",
         "step"},
        {"{" GOOD ",\"layout\":{" PROMPT ",\"step\":[{\"score\":true,\"cut\":true}]}}", "step"},
        {"{" GOOD ",\"layout\":{" PROMPT "," STEP ",\"split\":[\"\"]}}", "split"},
        {"{" GOOD ",\"layout\":{" PROMPT "," STEP ",\"count_marker\":1}}", "count_marker"},
        {"{" GOOD ",\"layout\":{" PROMPT "," STEP ",\"marker\":4000}}", "marker"},
        {"{\"rewardd\":2," GOOD ",\"layout\":{" PROMPT "," STEP "}}", "rewardd"},
        {"{\"kind\":\"both\"}", "kind"},
        {"{\"head\":{\"type\":\"gated\"}}", "head.type"},
        {"{\"head\":{\"type\":\"linear\",\"weight\":\"w\",\"out_weight\":\"v\"}}", "head"},
        {"{\"head\":{\"type\":\"lm_rows\",\"rows\":[]}}", "head.rows"},
        {"{\"post\":{\"type\":\"softmax\"}}", "post.good"},
        {"{\"post\":{\"type\":\"normalized\",\"mean\":0,\"std\":0}}", "post"},
        {"{\"aggregate\":\"max\"}", "aggregate"},
        {"{\"golden\":{\"tolerance\":1,\"file\":\"../golden.json\"}}", "golden.file"},
        {"{\"golden\":{\"tolerance\":1,\"file\":\"/etc/passwd\"}}", "golden.file"},
        {"{\"golden\":{\"tolerance\":1,\"vectors\":[{\"ids\":[1],\"positions\":[1],\"raw\":[0]}]}}",
         "golden.positions"},
        {"{\"golden\":{\"tolerance\":1,\"vectors\":[{\"ids\":[9999],\"positions\":[0],\"raw\":[0]}]"
         "}}",
         "golden.ids"},
    };
    for (size_t i = 0; i < RW_COUNT(CASE); i++) {
        rw_status status = open_layout("qwen", CASE[i].text);
        ck_assert_msg(status == RW_MODEL_CORRUPT, "%s", CASE[i].text);
        ck_assert_msg(strcmp(err.param, CASE[i].param) == 0, "%s: %s", CASE[i].text, err.param);
        rw_tokenizer_close(package.tokenizer);
    }
    ck_assert_int_eq(open_layout("qwen",
                                 "{" GOOD ",\"layout\":{" PROMPT "," STEP "},"
                                 "\"golden\":{\"tolerance\":0.5,\"vectors\":[{\"ids\":[1,2],"
                                 "\"positions\":[0,1],\"raw\":[0,-1.5]}]}}"),
                     RW_OK);
    ck_assert_uint_eq(manifest.n_golden, 1);
    ck_assert_float_eq(manifest.golden[0].raw[1], -1.5f);
}
END_TEST

/* What a family takes from the folder's template is what that renders. */
START_TEST(families_see_what_the_template_renders)
{
    static const struct {
        const char *name;
        const char *text;
        const char *family; /* NULL = refused */
        const char *system; /* default */
    } CASE[] = {
        {"plain", "", "plain", NULL},
        {"chatml", CHATML_TURNS, "chatml", NULL},
        {"chatml",
         "{% set d = 'Be \\'x\\\\y\\'.' %}<|im_start|>system\n{{ d }}<|im_end|>\n" CHATML_TURNS,
         "chatml", "Be 'x\\y'."},
        {"chatml",
         "{% if messages[0].role != 'system' %}<|im_start|>system\nBe.<|im_end|>\n{% endif "
         "%}" CHATML_TURNS,
         "chatml", "Be."},
        {"chatml", "[INST] {{ messages[0].content }} [/INST]", "chatml", NULL},
        {"llama3-auto", LLAMA3_TURNS, "llama3", NULL},
        {"llama3-auto",
         "{{ bos_token }}<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: "
         "December 2023\nToday Date: {{ strftime_now('%d %b %Y') }}\n\n<|eot_id|>{% for m in "
         "messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content }}<|eot_id|>"
         "{% endfor %}",
         "llama3-dated", NULL},
        {"llama3-auto", LLAMA3_TURNS "<|start_header_id|>assistant<|end_header_id|>\n\n", NULL,
         NULL},
        {"llama3-auto", "{{ messages|nosuch }}", NULL, NULL},
    };
    for (size_t i = 0; i < RW_COUNT(CASE); i++) {
        struct rw_chat_family family;
        chat.template_text = rw_str_from(CASE[i].text);
        ck_assert(rw_date_parse(RW_STR("2026-11-29"), &chat.now));
        rw_status status = rw_chat_resolve(&chat, rw_str_from(CASE[i].name), &arena, &family, &err);
        ck_assert_msg(status == (CASE[i].family ? RW_OK : RW_MODEL_UNSUPPORTED), "%s",
                      CASE[i].text);
        if (status != RW_OK) {
            continue;
        }
        ck_assert_str_eq(family.name, CASE[i].family);
        ck_assert_msg(family.has_system_default == (CASE[i].system != NULL), "%s", CASE[i].text);
        ck_assert(CASE[i].system == NULL || rw_str_is(family.system_default, CASE[i].system));
        bool dated = strcmp(family.name, "llama3-dated") == 0;
        ck_assert(family.uses_date == dated);
        ck_assert(!dated || strstr(family.layout, "Today Date: 29 Nov 2026\\n") != NULL);
    }
}
END_TEST

/* The ids of a text whose special tokens count. */
static void check_ids(const char *text)
{
    struct rw_tokens tokens;
    const struct rw_segment segment = {rw_str_from(text), true};
    rw_tokens_init(&tokens, 4096);
    ck_assert_int_eq(rw_tokenizer_encode(package.tokenizer, &segment, 1, &tokens, &err), RW_OK);
    ck_assert_msg(tokens.count == input.n_tokens, "%u ids, not %zu: %s", input.n_tokens,
                  tokens.count, text);
    ck_assert_int_eq(memcmp(tokens.ids, input.ids, tokens.count * sizeof *tokens.ids), 0);
    rw_tokens_fini(&tokens);
}

START_TEST(a_template_lays_out_an_outcome_trace)
{
    chat.template_text =
        RW_STR("{% if messages[0].role != 'system' %}<|im_start|>system\nBe.<|im_end|>\n"
               "{% endif %}" CHATML_TURNS);
    open_preset("qwen", "seqcls");
    ck_assert_int_eq(build_text("It is 36."), RW_OK);
    check_ids("<|im_start|>system\nBe.<|im_end|>\n<|im_start|>user\nHow many pens?<|im_end|>\n"
              "<|im_start|>assistant\nIt is 36.<|im_end|>\n");
    /* A special token that a policy typed is text: more ids than where it counts. */
    ck_assert_int_eq(build_text("x<|im_end|>"), RW_OK);
    ck_assert_uint_eq(input.special_token_texts, 1);
    uint32_t typed = input.n_tokens;
    ck_assert_int_eq(build_text("x"), RW_OK);
    ck_assert_uint_gt(typed, input.n_tokens + 1);
}
END_TEST

/* A template may strip or split an answer; it may not lose or double it. */
START_TEST(what_a_template_does_to_an_answer)
{
    static const struct {
        const char *answer; /* how it writes the assistant's content */
        const char *text;
        rw_status status;
        const char *rendered;
    } CASE[] = {
        {"{{ m.content | trim }}", "  5 \n", RW_OK, "5"},
        {"{{ m.content.split('</think>')[-1].lstrip('\n') }}", "<think>a</think>\n\n5", RW_OK, "5"},
        {"<think>\n\n</think>\n\n{{ m.content }}", "5", RW_OK, "<think>\n\n</think>\n\n5"},
        {"{{ m.content }}{{ m.content }}", "5", RW_INVALID_REQUEST, NULL},
        {"nothing", "5", RW_INVALID_REQUEST, NULL},
        {"{{ raise_exception('no answers here') }}", "5", RW_INVALID_REQUEST, NULL},
    };
    for (size_t i = 0; i < RW_COUNT(CASE); i++) {
        char text[512], wanted[512];
        snprintf(text, sizeof text,
                 "{%% for m in messages %%}{%% if m.role == 'assistant' %%}A: %s{%% else %%}Q: {{ "
                 "m.content }}\n{%% endif %%}{%% endfor %%}",
                 CASE[i].answer);
        chat.template_text = rw_str_from(text);
        open_preset("qwen", "seqcls");
        ck_assert_msg(build_text(CASE[i].text) == CASE[i].status, "%s: %s", CASE[i].answer,
                      err.message);
        if (CASE[i].status == RW_OK) {
            snprintf(wanted, sizeof wanted, "Q: How many pens?\nA: %s", CASE[i].rendered);
            check_ids(wanted);
        }
        rw_tokenizer_close(package.tokenizer);
    }
    package.tokenizer = NULL;
}
END_TEST

#define MARKED                                                                                    \
    "{\"kind\":\"process\",\"head\":{\"type\":\"linear\",\"weight\":\"w\"},\"post\":{\"type\":"   \
    "\"sigmoid\"},\"layout\":{\"chat\":\"auto\",\"step\":[{\"content\":\"step\"},\"<extra_0>\",{" \
    "\"score\":true}],\"marker\":\"<extra_0>\",\"count_marker\":true,\"split\":[\"\\n\\n\"]}}"

/* Marks of steps are found in what the template made of them. */
START_TEST(a_template_lays_out_steps)
{
    const struct rw_str steps[] = {RW_STR("one"), RW_STR("two <extra_0>"), RW_STR("three")};
    struct rw_trace_source source = source_of(steps, 3);
    chat.template_text = RW_STR(CHATML_TURNS);
    ck_assert_msg(open_layout("qwen", MARKED) == RW_OK, "%s", err.message);
    ck_assert_int_eq(build(&source), RW_OK);
    ck_assert_uint_eq(input.n_scored_steps, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(input.ids[input.steps[i].position], manifest.layout.marker);
    }
    rw_tokenizer_close(package.tokenizer);
    /* the last marker is white space to strip, or is cut off: its reward would be read elsewhere */
    chat.template_text = RW_STR("{% for m in messages %}{{ m.content[:12] }}\n{% endfor %}");
    ck_assert_msg(open_layout("qwen", MARKED) == RW_OK, "%s", err.message);
    ck_assert_int_ne(build(&source), RW_OK);
    rw_tokenizer_close(package.tokenizer);
    /* sections beside a template, and pieces that a text cannot hold */
    ck_assert_int_eq(open_layout("qwen",
                                 "{\"kind\":\"outcome\",\"layout\":{\"chat\":\"auto\",\"close\":"
                                 "[\"x\"]}}"),
                     RW_MODEL_CORRUPT);
    ck_assert_str_eq(err.param, "close");
    rw_tokenizer_close(package.tokenizer);
    ck_assert_int_eq(open_layout("qwen",
                                 "{\"kind\":\"process\",\"layout\":{\"chat\":\"auto\",\"step\":"
                                 "[{\"content\":\"step\"},{\"cut\":true},{\"score\":true}]}}"),
                     RW_MODEL_CORRUPT);
    ck_assert_str_eq(err.param, "step");
}
END_TEST

START_TEST(a_template_that_is_not_understood_is_refused)
{
    chat.template_text = RW_STR("a\n{{ b | nosuchfilter }}");
    const struct rw_preset *preset = rw_preset_find(RW_STR("seqcls"));
    ck_assert_int_eq(open_layout("qwen", preset->text), RW_MODEL_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "line 2"));
    ck_assert_ptr_nonnull(strstr(err.message, "nosuchfilter"));
    ck_assert_ptr_nonnull(strstr(err.hint, "rewardd.json"));
}
END_TEST

START_TEST(trims_as_python_does)
{
    struct rw_str text = RW_STR("\xC2\xA0\x1F x\xE3\x80\x80\n");
    ck_assert(rw_str_is(rw_layout_trim(text, RW_TRIM_BOTH), "x"));
    ck_assert(rw_str_is(rw_layout_trim(text, RW_TRIM_LEFT), "x\xE3\x80\x80\n"));
    ck_assert_uint_eq(rw_layout_trim(RW_STR(" \n\xC2\x85"), RW_TRIM_BOTH).len, 0);
    ck_assert_uint_eq(rw_layout_trim(RW_STR("\xE2\x80\x8B"), RW_TRIM_BOTH).len, 3); /* U+200B */
    struct rw_str thought = RW_STR("<think>\nhm\n</think>\n\nyes");
    ck_assert(rw_str_is(rw_layout_part(thought, RW_PART_REASONING), "hm"));
    ck_assert(rw_str_is(rw_layout_part(thought, RW_PART_ANSWER), "yes"));
    ck_assert_uint_eq(rw_layout_part(RW_STR("yes"), RW_PART_REASONING).len, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("layout");
    TCase *tcase = tcase_create("layout");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, every_preset_is_read);
    tcase_add_test(tcase, inputs_without_a_template);
    tcase_add_test(tcase, positions_are_markers_and_spans_are_exact);
    tcase_add_test(tcase, a_text_is_split_by_the_models_rule);
    tcase_add_test(tcase, empty_steps_are_refused_or_scored_as_the_reference_does);
    tcase_add_test(tcase, special_tokens_in_steps_are_text);
    tcase_add_test(tcase, a_marker_typed_or_merged_is_a_mismatch);
    tcase_add_test(tcase, overlong_is_an_error_unless_a_policy_is_chosen);
    tcase_add_test(tcase, ten_thousand_steps);
    tcase_add_test(tcase, roles_that_have_no_place_are_refused);
    tcase_add_test(tcase, outcome_is_read_at_the_last_token_that_is_not_padding);
    tcase_add_test(tcase, a_response_of_markers_alone_is_empty);
    tcase_add_test(tcase, manifests_that_are_not_understood_are_refused);
    tcase_add_test(tcase, families_see_what_the_template_renders);
    tcase_add_test(tcase, a_template_lays_out_an_outcome_trace);
    tcase_add_test(tcase, what_a_template_does_to_an_answer);
    tcase_add_test(tcase, a_template_lays_out_steps);
    tcase_add_test(tcase, a_template_that_is_not_understood_is_refused);
    tcase_add_test(tcase, trims_as_python_does);
    suite_add_tcase(suite, tcase);
    return rw_test_run(suite);
}
