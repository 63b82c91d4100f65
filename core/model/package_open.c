#include "core/model/opening.h"

#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/date.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/util.h"
#include "core/io/json.h"
#include "core/model/chat_files.h"
#include "core/model/contradiction.h"
#include "core/model/folder.h"
#include "core/model/input.h"
#include "core/model/manifest.h"
#include "core/model/preset.h"
#include "core/model/recognise.h"

enum {
    ARENA_BYTES_MAX = 256 << 20,
    CONFIG_BYTES_MAX = 16 << 20, /* of config.json, rewardd.json */
    TOKENIZER_BYTES_MAX = 256 << 20,
    PATH_BYTES_MAX = 4096,
};

/* NOT_FOUND of an optional file is OK and leaves *out empty. */
static rw_status read_file(struct rw_opening *o, const char *name, size_t max, bool optional,
                           struct rw_arena *arena, struct rw_str *out)
{
    char path[PATH_BYTES_MAX];
    const char *places[] = {o->package->dir, o->package->base};
    rw_status status = RW_NOT_FOUND;
    *out = (struct rw_str){0};
    for (size_t i = 0; i < RW_COUNT(places) && places[i] != NULL && status == RW_NOT_FOUND; i++) {
        if ((size_t)snprintf(path, sizeof path, "%s/%s", places[i], name) >= sizeof path) {
            return rw_fail(o->err, RW_LIMIT_EXCEEDED, "the path of the model is too long");
        }
        status = rw_file_read_all(path, max, arena, out, o->err);
    }
    return status == RW_NOT_FOUND && optional ? RW_OK : status;
}

static rw_status read_config(struct rw_opening *o)
{
    const struct rw_json *root;
    rw_status status =
        read_file(o, "config.json", CONFIG_BYTES_MAX, false, &o->package->arena, &o->config_text);
    if (status == RW_OK) {
        status =
            rw_json_parse_file(&o->package->arena, o->config_text, "config.json", &root, o->err);
    }
    if (status != RW_OK) {
        return status;
    }
    o->config_root = root;
    return rw_config_parse(root, &o->package->config, o->err);
}

/* The argument, else what rewardd.json names, else (when rewardd.json has no recipe of its own)
 * what the folder looks like. */
static rw_status choose_preset(struct rw_opening *o, const char *wanted, const struct rw_json *own)
{
    struct rw_package *package = o->package;
    const struct rw_json *named = rw_json_get(own, "preset");
    struct rw_str name = wanted != NULL  ? rw_str_from(wanted)
                         : named != NULL ? named->text
                                         : (struct rw_str){0};
    if (name.len == 0 && rw_json_get(own, "head") != NULL) {
        snprintf(package->evidence, sizeof package->evidence, "rewardd.json");
        return RW_OK;
    }
    if (name.len == 0) {
        const struct rw_json *known_as = rw_json_get(o->config_root, "_name_or_path");
        bool named_so = known_as != NULL && known_as->type == RW_JSON_STRING;
        struct rw_clues clues = {
            .config = &package->config,
            .checkpoint = package->checkpoint,
            .template_text = o->chat.template_text,
            .name_or_path = named_so ? known_as->text : (struct rw_str){0},
            .dir = package->dir,
        };
        return rw_recognise(&clues, &o->preset, package->evidence, o->err);
    }
    snprintf(package->evidence, sizeof package->evidence, "%s",
             wanted != NULL ? "preset= of the configuration" : "preset of rewardd.json");
    o->preset = rw_preset_find(name);
    if (o->preset == NULL) {
        rw_fail(o->err, RW_MODEL_UNSUPPORTED, "there is no preset \"%.*s\"", RW_STR_ARG(name));
        rw_error_hint(o->err, "rewardd --help lists the presets");
        return RW_MODEL_UNSUPPORTED;
    }
    return RW_OK;
}

static rw_status read_recipe(struct rw_opening *o, const char *wanted)
{
    struct rw_manifest *m = &o->manifest;
    const struct rw_json *own = NULL;
    const struct rw_json *root;
    rw_status status =
        read_file(o, "rewardd.json", CONFIG_BYTES_MAX, true, &o->package->arena, &o->manifest_text);
    if (status == RW_OK && o->manifest_text.len > 0) {
        status =
            rw_json_parse_file(&o->package->arena, o->manifest_text, "rewardd.json", &own, o->err);
    }
    if (status == RW_OK) {
        status = choose_preset(o, wanted, own);
    }
    if (status == RW_OK && o->preset != NULL) {
        status = rw_json_parse_file(&o->package->arena, rw_str_from(o->preset->text),
                                    o->preset->name, &root, o->err);
        if (status == RW_OK) {
            status = rw_manifest_apply(m, root, o->err);
        }
        if (status != RW_OK) {
            rw_error_prefix(o->err, "preset %s", o->preset->name);
            return status;
        }
    }
    o->own_post = rw_json_get(own, "post") != NULL;
    if (status == RW_OK && own != NULL) {
        status = rw_manifest_apply(m, own, o->err);
        if (status != RW_OK) {
            rw_error_prefix(o->err, "rewardd.json");
        }
    }
    snprintf(m->recipe.preset, sizeof m->recipe.preset, "%s",
             o->preset != NULL ? o->preset->name : "package");
    return status == RW_OK ? rw_manifest_check(m, o->err) : status;
}

/* ---- what else could make a number wrong ------------------------------------------------------
 */

/* Names come from a file: nothing in them may end a log line or a quoted value. */
static void make_printable(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        *c = (unsigned char)*c < 0x20 || *c == '"' || *c == '\\' || (unsigned char)*c >= 0x7f ? '?'
                                                                                              : *c;
    }
}

/* What the model is for, in its maker's words: for people, so no score and no digest depends on it,
 * and a file that is too long is said and does not stop the model. */
static rw_status read_purpose(struct rw_opening *o)
{
    struct rw_package *package = o->package;
    struct rw_str text;
    size_t n = 0;
    rw_status status =
        read_file(o, "purpose.txt", RW_PACKAGE_PURPOSE_MAX - 1, true, &o->scratch, &text);
    if (status == RW_LIMIT_EXCEEDED) {
        rw_log(RW_LOG_WARN, "purpose_unread", "dir=\"%s\" message=\"purpose.txt is over %d bytes\"",
               package->dir, RW_PACKAGE_PURPOSE_MAX - 1);
        if (o->err != NULL) {
            *o->err = (struct rw_error){0};
        }
        return RW_OK;
    }
    while (status == RW_OK && n < text.len && text.ptr[n] != '\n' && text.ptr[n] != '\r') {
        package->purpose[n] = text.ptr[n];
        n++;
    }
    make_printable(package->purpose);
    return status;
}

static rw_status check_rest(struct rw_opening *o)
{
    struct rw_package *package = o->package;
    char unknown[RW_UNKNOWN_KEYS_MAX];
    rw_status status = rw_config_keys_unknown(o->config_root, &package->config,
                                              o->manifest.ignore_config, unknown, o->err);
    struct rw_contradiction_files files = {
        .config = &package->config,
        .recipe = &o->manifest.recipe,
        .checkpoint = package->checkpoint,
        .tokenizer = package->tokenizer,
    };
    if (status == RW_OK) {
        status = rw_contradiction_check(&files, o->err);
    }
    make_printable(package->evidence);
    if (status == RW_OK && unknown[0] != '\0') {
        make_printable(unknown);
        rw_log(RW_LOG_WARN, "config_keys_unknown",
               "class=%s keys=\"%s\" effect=\"ignored, as the class in transformers does\"",
               package->config.architecture, unknown);
    }
    return status;
}

/* ---- digest ---------------------------------------------------------------------------------- */

static void hash_text(struct rw_sha256 *sha, struct rw_str text)
{
    uint64_t len = text.len; /* lengths first: no two lists of texts hash alike */
    rw_sha256_update(sha, &len, sizeof len);
    rw_sha256_update(sha, text.ptr, text.len);
}

/* Everything that a score depends on: weights, config, tokenizer, template, recipe and layout. */
/* Special tokens, where the layout writes their texts; elsewhere they change no score, and a digest
 * that is older than their part in it (and the calibration bank of that digest) stays good. */
static void hash_special(struct rw_sha256 *sha, const struct rw_opening *o)
{
    const struct rw_layout *layout = o->package->layout;
    bool written = layout->end != RW_END_AS_IS || layout->jinja != NULL;
    for (size_t i = 0; written && i < o->chat.n_special; i++) {
        hash_text(sha, rw_str_from(o->chat.special[i].name));
        hash_text(sha, o->chat.special[i].text);
    }
}

/* The date that the template was told, where it asks and it is not the one of older digests. */
static void hash_date(struct rw_sha256 *sha, const struct rw_package *package)
{
    char date[RW_DATE_BYTES], usual[RW_DATE_BYTES];
    rw_date_write(&package->now, date);
    rw_date_write(&RW_CHAT_DATE, usual);
    if (package->uses_date && strcmp(date, usual) != 0) {
        hash_text(sha, rw_str_from(date));
    }
}

static rw_status compute_digest(struct rw_opening *o)
{
    struct rw_package *package = o->package;
    char weights[65];
    struct rw_str tokenizer;
    rw_status status = rw_checkpoint_digest(package->checkpoint, weights, o->err);
    if (status == RW_OK) {
        status = read_file(o, "tokenizer.json", TOKENIZER_BYTES_MAX, true, &o->scratch, &tokenizer);
    }
    if (status == RW_OK && tokenizer.len == 0) {
        status =
            read_file(o, "tokenizer.model", TOKENIZER_BYTES_MAX, true, &o->scratch, &tokenizer);
    }
    if (status != RW_OK) {
        return status;
    }
    struct rw_sha256 sha;
    unsigned char hash[RW_SHA256_BYTES];
    rw_sha256_init(&sha);
    hash_text(&sha, rw_str_from(weights));
    hash_text(&sha, o->config_text);
    hash_text(&sha, tokenizer);
    hash_text(&sha, o->chat.template_text);
    if (o->chat.tool_template_text.len > 0) {
        hash_text(&sha, o->chat.tool_template_text);
    }
    hash_text(&sha, o->chat.bos_token);
    hash_special(&sha, o);
    hash_date(&sha, package);
    hash_text(&sha, rw_str_from(o->preset != NULL ? o->preset->text : ""));
    hash_text(&sha, o->manifest_text);
    rw_sha256_final(&sha, hash);
    rw_hash_hex(hash, sizeof hash, package->digest);
    return RW_OK;
}

/* ---- open and close -------------------------------------------------------------------------- */

static rw_status store_recipe(struct rw_opening *o)
{
    struct rw_package *package = o->package;
    struct rw_manifest *m = &o->manifest;
    struct rw_layout *layout = rw_arena_alloc(&package->arena, sizeof *layout);
    if (layout == NULL) {
        return rw_fail_memory(o->err, "the model package");
    }
    *layout = m->layout;
    package->layout = layout;
    package->uses_date = layout->uses_date;
    package->recipe = m->recipe;
    package->golden = m->golden;
    package->n_golden = m->n_golden;
    package->golden_tolerance = m->golden_tolerance;
    package->context_max = package->config.context_max;
    if (m->context_max != 0 && m->context_max < package->context_max) {
        package->context_max = m->context_max;
    }
    return RW_OK;
}

/* A short input through the layout: a token of the template without an embedding is refused now,
 * not for every trace. Whether a recipe takes such a text at all is not asked here. */
static rw_status probe(struct rw_opening *o)
{
    const struct rw_message question = {RW_ROLE_USER, RW_STR("1 + 1?")};
    const struct rw_str step = RW_STR("2");
    struct rw_trace_source source = {.messages = &question,
                                     .n_messages = 1,
                                     .steps = &step,
                                     .n_steps = 1,
                                     .steps_max = 1,
                                     .tokens_max = o->package->context_max};
    struct rw_input input;
    struct rw_error found = {0};
    rw_status status = rw_input_build(o->package, &source, &o->scratch, &input, &found);
    if (status != RW_MODEL_CORRUPT && status != RW_NO_MEMORY) {
        return RW_OK;
    }
    rw_fail(o->err, status, "%s", found.message);
    rw_error_param(o->err, "vocab_size");
    return status;
}

/* An adapter's folder often has the tokenizer it was trained with. */
static const char *tokenizer_dir(const struct rw_package *package)
{
    static const char *const FILES[] = {"tokenizer.json", "tokenizer.model"};
    char path[PATH_BYTES_MAX];
    for (size_t i = 0; package->base != NULL && i < RW_COUNT(FILES); i++) {
        if ((size_t)snprintf(path, sizeof path, "%s/%s", package->dir, FILES[i]) < sizeof path &&
            rw_file_exists(path)) {
            return package->dir;
        }
    }
    return package->base != NULL ? package->base : package->dir;
}

/* A classifier trained by peft on a causal base: the base's config.json still names the causal
 * class, the adapter's task_type says which class the model was given. */
static void take_task(struct rw_package *package)
{
    static const char *const ENDS[] = {[RW_CHECKPOINT_TASK_SEQUENCE] = "ForSequenceClassification",
                                       [RW_CHECKPOINT_TASK_TOKEN] = "ForTokenClassification"};
    enum rw_checkpoint_task task = rw_checkpoint_task(package->checkpoint);
    char *name = package->config.architecture;
    size_t room = sizeof package->config.architecture;
    char *end = strstr(name, "ForCausalLM");
    if (task != RW_CHECKPOINT_TASK_NONE && end != NULL && end[sizeof "ForCausalLM" - 1] == '\0') {
        snprintf(end, room - (size_t)(end - name), "%s", ENDS[task]);
    }
}

static rw_status open_all(struct rw_opening *o, const char *preset)
{
    struct rw_package *package = o->package;
    rw_status status = read_config(o);
    if (status == RW_OK) {
        status = rw_tokenizer_open(tokenizer_dir(package), &package->tokenizer, o->err);
    }
    if (status == RW_OK && package->base != NULL) {
        status =
            rw_checkpoint_open_adapted(package->base, package->dir, &package->checkpoint, o->err);
    } else if (status == RW_OK) {
        status = rw_checkpoint_open(package->dir, &package->checkpoint, o->err);
    }
    if (status == RW_OK) {
        status = rw_contradiction_gathered(&package->config, package->checkpoint, o->err);
    }
    if (status == RW_OK) {
        take_task(package);
        const char *note = rw_checkpoint_note(package->checkpoint);
        if (note[0] != '\0') {
            rw_log(RW_LOG_INFO, "checkpoint", "dir=\"%s\" note=\"%s\"", package->dir, note);
        }
    }
    if (status == RW_OK) {
        const struct rw_chat_files files = {.dir = tokenizer_dir(package),
                                            .config = &package->config,
                                            .tokenizer = package->tokenizer,
                                            .arena = &package->arena};
        status = rw_chat_files_read(&files, &o->chat, o->err);
    }
    if (status != RW_OK) {
        return status;
    }
    o->manifest = (struct rw_manifest){
        .arena = &package->arena,
        .config = &package->config,
        .tokenizer = package->tokenizer,
        .chat = &o->chat,
        .dir = package->dir,
        .layout = {.marker = -1, .join = RW_STR("\n\n")},
    };
    status = read_recipe(o, preset);
    if (status == RW_OK) {
        status = rw_opening_check_head(o);
    }
    if (status == RW_OK) {
        status = rw_opening_check_post(o);
    }
    if (status == RW_OK) {
        status = check_rest(o);
    }
    if (status == RW_OK) {
        status = store_recipe(o);
    }
    if (status == RW_OK) {
        o->package->places = rw_places_find(o->package->layout, &o->package->now, &o->scratch);
        status = probe(o);
    }
    if (status == RW_OK) {
        status = read_purpose(o);
    }
    return status == RW_OK ? compute_digest(o) : status;
}

void rw_package_check(const struct rw_package *package)
{
    const struct rw_recipe *recipe = &package->recipe;
    rw_assert(package->layout != NULL && package->tokenizer != NULL && package->checkpoint != NULL);
    rw_assert(recipe->head.n_out > 0 && recipe->head.n_out <= RW_HEAD_OUT_MAX);
    rw_assert(recipe->post != RW_POST_SOFTMAX || recipe->good < recipe->head.n_out);
    rw_assert(recipe->head.weight[0] != '\0' && recipe->aggregate < RW_AGGREGATE_COUNT);
    rw_assert(package->context_max <= package->config.context_max);
    rw_assert((package->n_golden == 0) == (package->golden == NULL));
    rw_assert(strlen(package->digest) == sizeof package->digest - 1);
}

/* Paths and their copies, then everything else. */
static rw_status open_resolved(struct rw_opening *o, const char *dir, const char *base,
                               const char *preset)
{
    struct rw_package *package = o->package;
    struct rw_arena *arena = &package->arena;
    struct rw_str copy = rw_arena_copy(arena, rw_str_from(dir));
    if (copy.ptr == NULL) {
        return rw_fail_memory(o->err, "the model package");
    }
    rw_status status = rw_folder_resolve(copy.ptr, arena, &package->dir, o->err);
    if (status == RW_OK && base != NULL) {
        copy = rw_arena_copy(arena, rw_str_from(base));
        status = copy.ptr != NULL ? rw_folder_resolve(copy.ptr, arena, &package->base, o->err)
                                  : rw_fail_memory(o->err, "the model package");
    }
    if (status == RW_OK && base != NULL && !rw_checkpoint_is_adapter(package->dir)) {
        return rw_fail(o->err, RW_CONFIG,
                       "base= is for LoRA adapters, %s has no adapter_config.json", package->dir);
    }
    if (status != RW_OK) {
        return status;
    }
    status = open_all(o, preset);
    return rw_folder_diagnose(base != NULL ? package->base : package->dir, status, o->err);
}

rw_status rw_package_open(const char *dir, const char *preset, struct rw_package **out,
                          struct rw_error *err)
{
    const struct rw_package_request request = {.dir = dir, .preset = preset};
    return rw_package_open_as(&request, out, err);
}

rw_status rw_package_open_as(const struct rw_package_request *request, struct rw_package **out,
                             struct rw_error *err)
{
    struct rw_opening o = {.err = err};
    o.package = rw_alloc_zero(1, sizeof *o.package);
    *out = NULL;
    if (o.package == NULL) {
        return rw_fail_memory(err, "the model package");
    }
    o.package->now = request->date != NULL ? *request->date : RW_CHAT_DATE;
    o.chat.now = o.package->now;
    rw_arena_init(&o.package->arena, ARENA_BYTES_MAX);
    rw_arena_init(&o.scratch, ARENA_BYTES_MAX);
    rw_status status = open_resolved(&o, request->dir, request->base, request->preset);
    rw_arena_fini(&o.scratch);
    if (status != RW_OK) {
        rw_package_close(o.package);
        return status;
    }
    rw_package_check(o.package);
    *out = o.package;
    return RW_OK;
}

void rw_package_close(struct rw_package *package)
{
    if (package == NULL) {
        return;
    }
    rw_checkpoint_close(package->checkpoint);
    rw_tokenizer_close(package->tokenizer);
    rw_arena_fini(&package->arena);
    rw_free(package);
}
