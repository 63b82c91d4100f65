#include "core/io/adapter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/file.h"
#include "core/base/util.h"
#include "core/io/json.h"
#include "core/io/tensor_names.h"

enum {
    CONFIG_BYTES_MAX = 1 << 20,
    RANK_MAX = 8192,
    SHOWN = RW_CHECKPOINT_NAME_SHOWN,
};

#define CONFIG_FILE "adapter_config.json"

/* Where a tensor of the adapter belongs. */
enum part {
    PART_A,
    PART_B,
    PART_WHOLE, /* replaces the tensor of its name */
};

struct maker {
    struct rw_checkpoint *checkpoint;
    struct rw_error *err;
    const struct rw_json *config;
    const char *dir;
    double alpha;
    uint64_t rank;
    bool rslora;
    size_t merged;
    size_t replaced;
};

static int shown(struct rw_str text)
{
    return (int)RW_MIN(text.len, (size_t)SHOWN);
}

static rw_status refuse(struct maker *m, const char *what)
{
    rw_fail(m->err, RW_MODEL_UNSUPPORTED, CONFIG_FILE ": %s", what);
    rw_error_hint(
        m->err,
        "merge it with peft: python -c \"from peft import "
        "AutoPeftModelForSequenceClassification as M; "
        "M.from_pretrained('%.100s').merge_and_unload().save_pretrained('merged')\", with "
        "the class it was trained under; then copy the tokenizer",
        m->dir);
    return RW_MODEL_UNSUPPORTED;
}

/* ---- adapter_config.json --------------------------------------------------------------------- */

/* Keys that this file acts on, or that do not change what merge_and_unload gives. */
static const char *const KNOWN[] = {
    "alpha_pattern",
    "auto_mapping",
    "base_model_name_or_path",
    "bias",
    "exclude_modules",
    "fan_in_fan_out",
    "inference_mode",
    "init_lora_weights",
    "layers_pattern",
    "layers_to_transform",
    "lora_alpha",
    "lora_dropout",
    "megatron_core",
    "modules_to_save",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "r",
    "rank_pattern",
    "revision",
    "target_modules",
    "task_type",
    "use_rslora",
    "ensure_weight_tying",
    "runtime_config",
    "eva_config",
};

static bool is_neutral(const struct rw_json *value)
{
    return value->type == RW_JSON_NULL || value->type == RW_JSON_FALSE ||
           (value->type == RW_JSON_STRING && value->text.len == 0) ||
           ((value->type == RW_JSON_ARRAY || value->type == RW_JSON_OBJECT) && value->count == 0);
}

static rw_status check_keys(struct maker *m)
{
    RW_JSON_EACH (value, m->config) {
        bool known = is_neutral(value);
        for (size_t i = 0; i < RW_COUNT(KNOWN) && !known; i++) {
            known = rw_str_is(value->key, KNOWN[i]);
        }
        if (!known) {
            char what[160];
            const char *name = rw_str_is(value->key, "use_dora") ? " (DoRA)" : "";
            snprintf(what, sizeof what, "%.*s%s is not supported", shown(value->key),
                     value->key.ptr, name);
            return refuse(m, what);
        }
    }
    return RW_OK;
}

/* PiSSA, OLoRA, CorDA and LoftQ change the base before they train: the saved factors alone do not
 * say what was added. The others only say where training began. */
static rw_status check_init(struct maker *m)
{
    static const char *const PLAIN[] = {"gaussian", "eva", "orthogonal"};
    const struct rw_json *init = rw_json_get(m->config, "init_lora_weights");
    if (init == NULL || init->type != RW_JSON_STRING) {
        return RW_OK;
    }
    for (size_t i = 0; i < RW_COUNT(PLAIN); i++) {
        if (rw_str_is(init->text, PLAIN[i])) {
            return RW_OK;
        }
    }
    char what[160];
    snprintf(what, sizeof what,
             "init_lora_weights \"%.*s\" changes the base, which is not supported",
             shown(init->text), init->text.ptr);
    return refuse(m, what);
}

static rw_status check_method(struct maker *m)
{
    const struct rw_json *method = rw_json_get(m->config, "peft_type");
    if (method == NULL || method->type != RW_JSON_STRING) {
        return rw_fail(m->err, RW_MODEL_CORRUPT, CONFIG_FILE " has no peft_type");
    }
    if (!rw_str_is(method->text, "LORA")) {
        static const char *const PROMPTS[] = {"PROMPT_TUNING", "P_TUNING",
                                              "PREFIX_TUNING", "MULTITASK_PROMPT_TUNING",
                                              "CPT",           "ADAPTION_PROMPT"};
        char what[160];
        snprintf(what, sizeof what, "peft_type %.*s is not supported, only LORA is",
                 shown(method->text), method->text.ptr);
        refuse(m, what);
        for (size_t i = 0; i < RW_COUNT(PROMPTS); i++) {
            if (rw_str_is(method->text, PROMPTS[i])) {
                rw_error_hint(m->err, "it changes the input and not the weights, so it cannot be "
                                      "merged either");
            }
        }
        return RW_MODEL_UNSUPPORTED;
    }
    return RW_OK;
}

static void read_task(struct maker *m)
{
    const struct rw_json *task = rw_json_get(m->config, "task_type");
    m->checkpoint->task = rw_json_is_string(task, "SEQ_CLS")     ? RW_CHECKPOINT_TASK_SEQUENCE
                          : rw_json_is_string(task, "TOKEN_CLS") ? RW_CHECKPOINT_TASK_TOKEN
                                                                 : RW_CHECKPOINT_TASK_NONE;
}

static rw_status wrong_type(struct maker *m, const char *key, const char *wanted)
{
    return rw_fail(m->err, RW_MODEL_CORRUPT, CONFIG_FILE ": %s is not %s", key, wanted);
}

/* Absent keys have the defaults of LoraConfig; one that is there and cannot be read would scale the
 * adapter by a number that nobody chose. */
static rw_status read_scale(struct maker *m)
{
    const struct rw_json *alpha = rw_json_get(m->config, "lora_alpha");
    const struct rw_json *rslora = rw_json_get(m->config, "use_rslora");
    const struct rw_json *rank = rw_json_get(m->config, "r");
    static const char *const PATTERNS[] = {"alpha_pattern", "rank_pattern"};
    m->alpha = 8.0;
    m->rank = 8;
    if (alpha != NULL && (alpha->type != RW_JSON_NUMBER || !isfinite(alpha->number))) {
        return wrong_type(m, "lora_alpha", "a number");
    }
    if (rank != NULL && (!rw_json_u64(rank, &m->rank) || m->rank == 0)) {
        return wrong_type(m, "r", "a positive integer");
    }
    if (rslora != NULL && rslora->type != RW_JSON_TRUE && !is_neutral(rslora)) {
        return wrong_type(m, "use_rslora", "a boolean");
    }
    for (size_t i = 0; i < RW_COUNT(PATTERNS); i++) {
        const struct rw_json *pattern = rw_json_get(m->config, PATTERNS[i]);
        if (pattern != NULL && pattern->type != RW_JSON_OBJECT && !is_neutral(pattern)) {
            return wrong_type(m, PATTERNS[i], "an object");
        }
    }
    m->alpha = alpha != NULL ? alpha->number : m->alpha;
    m->rslora = rslora != NULL && rslora->type == RW_JSON_TRUE;
    return RW_OK;
}

static rw_status read_config(struct maker *m, struct rw_arena *scratch)
{
    char path[RW_CHECKPOINT_PATH_MAX];
    rw_status status = rw_checkpoint_path(m->dir, RW_STR(CONFIG_FILE), path, m->err);
    if (status == RW_OK) {
        status = rw_file_read_all(path, CONFIG_BYTES_MAX, &m->checkpoint->arena,
                                  &m->checkpoint->adapter_text, m->err);
    }
    if (status == RW_OK) {
        status = rw_json_parse(scratch, m->checkpoint->adapter_text, &m->config, m->err);
        if (status != RW_OK) {
            rw_error_prefix(m->err, CONFIG_FILE);
            return status;
        }
    }
    if (status == RW_OK && m->config->type != RW_JSON_OBJECT) {
        return rw_fail(m->err, RW_MODEL_CORRUPT, CONFIG_FILE " is not an object");
    }
    status = status == RW_OK ? check_method(m) : status;
    status = status == RW_OK ? check_keys(m) : status;
    status = status == RW_OK ? check_init(m) : status;
    if (status != RW_OK) {
        return status;
    }
    read_task(m);
    return read_scale(m);
}

/* ---- which modules --------------------------------------------------------------------------- */

static bool names_module(const struct rw_json *name, struct rw_str module)
{
    if (name->type != RW_JSON_STRING || name->text.len > module.len || name->text.len == 0) {
        return false;
    }
    size_t at = module.len - name->text.len;
    return rw_str_ends(module, name->text) && (at == 0 || module.ptr[at - 1] == '.');
}

static bool list_names(const struct rw_json *list, struct rw_str module)
{
    RW_JSON_EACH (name, list) {
        if (names_module(name, module)) {
            return true;
        }
    }
    return false;
}

/* The number behind the first part of a path that a number follows: "model.layers.3.mlp" is 3. */
static bool layer_of(struct rw_str module, unsigned long long *layer)
{
    for (size_t begin = 0; begin < module.len;) {
        size_t end = rw_str_find(module, RW_STR("."), begin);
        if (rw_str_to_u64(rw_str_slice(module, begin, end), layer)) {
            return true;
        }
        begin = end + 1;
    }
    return false;
}

static bool layer_is_listed(const struct rw_json *layers, struct rw_str module)
{
    unsigned long long layer;
    uint64_t value;
    if (layers == NULL || is_neutral(layers) || !layer_of(module, &layer)) {
        return true;
    }
    if (layers->type == RW_JSON_NUMBER) {
        return rw_json_u64(layers, &value) && value == layer;
    }
    RW_JSON_EACH (item, layers) {
        if (rw_json_u64(item, &value) && value == layer) {
            return true;
        }
    }
    return false;
}

/* peft makes factors for the modules that the config targets and drops the others it finds in the
 * file, with a warning; we do not guess which of the two was meant. */
static rw_status check_target(struct maker *m, struct rw_str module)
{
    const struct rw_json *targets = rw_json_get(m->config, "target_modules");
    const struct rw_json *excluded = rw_json_get(m->config, "exclude_modules");
    bool listed = targets == NULL || targets->type != RW_JSON_ARRAY || list_names(targets, module);
    bool out = excluded != NULL && excluded->type == RW_JSON_ARRAY && list_names(excluded, module);
    if (!listed || out || !layer_is_listed(rw_json_get(m->config, "layers_to_transform"), module)) {
        return rw_fail(m->err, RW_MODEL_CORRUPT,
                       "the adapter has factors for %.*s, which " CONFIG_FILE " does not target",
                       shown(module), module.ptr);
    }
    return RW_OK;
}

/* First pattern that matches wins; *out keeps its value when none does. */
static rw_status by_pattern(struct maker *m, const char *key, struct rw_str module, double *out)
{
    const struct rw_json *patterns = rw_json_get(m->config, key);
    RW_JSON_EACH (pattern, patterns) {
        bool matches;
        rw_status status = rw_adapter_pattern(pattern->key, module, &matches, m->err);
        if (status != RW_OK) {
            return status;
        }
        if (matches && pattern->type != RW_JSON_NUMBER) {
            return rw_fail(m->err, RW_MODEL_CORRUPT, CONFIG_FILE ": %s holds no number", key);
        }
        if (matches) {
            *out = pattern->number;
            return RW_OK;
        }
    }
    return RW_OK;
}

/* ---- tensors --------------------------------------------------------------------------------- */

static bool cut_end(struct rw_str *name, const char *end)
{
    if (!rw_str_ends(*name, rw_str_from(end))) {
        return false;
    }
    name->len -= strlen(end);
    return true;
}

/* Takes ".word" out of a name; the copy is ours. */
static rw_status remove_word(struct maker *m, struct rw_str *name, const char *word)
{
    size_t len = strlen(word), at = rw_str_find(*name, rw_str_from(word), 0);
    if (len > name->len || at >= name->len) {
        return RW_OK;
    }
    char *copy = rw_arena_alloc(&m->checkpoint->arena, name->len);
    if (copy == NULL) {
        return rw_fail(m->err, RW_NO_MEMORY, "no memory for the names of the adapter");
    }
    memcpy(copy, name->ptr, at);
    memcpy(copy + at, name->ptr + at + len, name->len - at - len);
    *name = (struct rw_str){copy, name->len - len};
    return RW_OK;
}

/* *name becomes the module of a factor, or the tensor that is replaced. */
static rw_status classify(struct maker *m, struct rw_str *name, enum part *part)
{
    static const char *const FOREIGN[] = {
        "lora_embedding_", "lora_magnitude_vector", "lora_E",      "lora_ranknum",  "ia3_l",
        "vera_lambda",     "lora_A.bias",           "lora_B.bias", "token_adapter."};
    for (size_t i = 0; i < RW_COUNT(FOREIGN); i++) {
        if (rw_str_find(*name, rw_str_from(FOREIGN[i]), 0) < name->len) {
            char what[200];
            snprintf(what, sizeof what,
                     "tensor \"%.*s\" is no part of a plain LoRA of linear layers", shown(*name),
                     name->ptr);
            return refuse(m, what);
        }
    }
    if (cut_end(name, ".lora_A.weight") || cut_end(name, ".lora_A.default.weight")) {
        *part = PART_A;
        return RW_OK;
    }
    if (cut_end(name, ".lora_B.weight") || cut_end(name, ".lora_B.default.weight")) {
        *part = PART_B;
        return RW_OK;
    }
    *part = PART_WHOLE;
    rw_status status = remove_word(m, name, ".base_layer");
    if (status == RW_OK) {
        status = remove_word(m, name, ".modules_to_save.default");
    }
    return status == RW_OK ? remove_word(m, name, ".modules_to_save") : status;
}

/* `suffix` behind the module; a bare or a wrapped base is found too. */
static rw_status find_target(struct maker *m, struct rw_str module, const char *suffix,
                             struct rw_tensor **out)
{
    char full[512];
    static const char *const FRONT[] = {"", "model."};
    *out = NULL;
    for (size_t i = 0; i < RW_COUNT(FRONT) && *out == NULL; i++) {
        int n = snprintf(full, sizeof full, "%s%.*s%s", FRONT[i], (int)RW_MIN(module.len, 400u),
                         module.ptr, suffix);
        *out = rw_checkpoint_lookup(m->checkpoint, (struct rw_str){full, (size_t)n});
    }
    if (*out == NULL && rw_str_starts(module, RW_STR("model."))) {
        int n = snprintf(full, sizeof full, "%.*s%s", (int)RW_MIN(module.len - 6, 400u),
                         module.ptr + 6, suffix);
        *out = rw_checkpoint_lookup(m->checkpoint, (struct rw_str){full, (size_t)n});
    }
    return RW_OK;
}

static const struct rw_tensor *find_factor(const struct rw_checkpoint *c, struct rw_str module,
                                           const char *end)
{
    for (size_t i = 0; i < c->factor_count; i++) {
        struct rw_str name = c->factors[i].name;
        if (cut_end(&name, end) && rw_str_equal(name, module)) {
            return &c->factors[i];
        }
    }
    return NULL;
}

static rw_status check_factors(struct maker *m, const struct rw_tensor *w,
                               const struct rw_tensor *a, const struct rw_tensor *b,
                               struct rw_str module)
{
    double rank = (double)m->rank;
    rw_status status = by_pattern(m, "rank_pattern", module, &rank);
    if (status != RW_OK) {
        return status;
    }
    bool fits = a->dims == 2 && b->dims == 2 && w->dims == 2 && a->shape[1] == w->shape[1] &&
                b->shape[0] == w->shape[0] && a->shape[0] == b->shape[1] && a->shape[0] > 0 &&
                a->shape[0] <= RANK_MAX && (double)a->shape[0] == rank;
    if (!fits) {
        return rw_fail(m->err, RW_MODEL_CORRUPT,
                       "the adapter's factors of %.*s are [%llu, %llu] and [%llu, %llu]; the base "
                       "has [%llu, %llu], the rank is %.0f",
                       shown(module), module.ptr, (unsigned long long)a->shape[0],
                       (unsigned long long)a->shape[1], (unsigned long long)b->shape[0],
                       (unsigned long long)b->shape[1], (unsigned long long)w->shape[0],
                       (unsigned long long)w->shape[1], rank);
    }
    if (a->type == RW_TENSOR_OTHER || b->type == RW_TENSOR_OTHER || w->type == RW_TENSOR_OTHER) {
        return rw_fail(m->err, RW_MODEL_UNSUPPORTED,
                       "the adapter or its base stores %.*s as neither F32 nor F16 nor BF16",
                       shown(module), module.ptr);
    }
    return RW_OK;
}

static rw_status merge(struct maker *m, const struct rw_tensor *a, struct rw_str module)
{
    struct rw_checkpoint *c = m->checkpoint;
    struct rw_tensor *w;
    const struct rw_tensor *b = find_factor(c, module, ".lora_B.weight");
    b = b != NULL ? b : find_factor(c, module, ".lora_B.default.weight");
    rw_status status = check_target(m, module);
    if (status == RW_OK) {
        status = find_target(m, module, ".weight", &w);
    }
    if (status != RW_OK) {
        return status;
    }
    if (w == NULL || b == NULL || w->delta != NULL) {
        return rw_fail(m->err, RW_MODEL_CORRUPT, "the adapter's factor of %.*s has no %s",
                       shown(module), module.ptr,
                       w == NULL ? "weight in the base" : "partner, or several");
    }
    status = check_factors(m, w, a, b, module);
    double alpha = m->alpha, rank = (double)a->shape[0];
    if (status == RW_OK) {
        status = by_pattern(m, "alpha_pattern", module, &alpha);
    }
    struct rw_delta *delta = rw_arena_alloc(&c->arena, sizeof *delta);
    if (status == RW_OK && delta == NULL) {
        status = rw_fail(m->err, RW_NO_MEMORY, "no memory for the adapter");
    }
    if (status != RW_OK) {
        return status;
    }
    double scale = alpha / (m->rslora ? sqrt(rank) : rank);
    *delta = (struct rw_delta){a, b, (uint32_t)a->shape[0], (float)scale};
    w->delta = delta;
    m->merged++;
    return RW_OK;
}

/* A head may be new; anything else must be part of the base, or training it would be lost. */
static bool may_be_new(const struct maker *m, struct rw_str name)
{
    const struct rw_json *saved = rw_json_get(m->config, "modules_to_save");
    RW_JSON_EACH (module, saved) {
        size_t at = rw_str_find(name, module->text, 0);
        if (module->type == RW_JSON_STRING && module->text.len > 0 && at < name.len) {
            return true;
        }
    }
    return rw_str_starts(name, RW_STR("score.")) || rw_str_starts(name, RW_STR("v_head."));
}

static rw_status replace(struct maker *m, const struct rw_tensor *tensor, struct rw_str name)
{
    struct rw_tensor *old;
    rw_status status = find_target(m, name, "", &old);
    if (status != RW_OK) {
        return status;
    }
    if (old != NULL) {
        if (old->delta != NULL || old->shard == tensor->shard) {
            return rw_fail(m->err, RW_MODEL_CORRUPT, "the adapter holds \"%.*s\" twice",
                           shown(name), name.ptr);
        }
        struct rw_str keep = old->name;
        *old = *tensor;
        old->name = keep;
    } else if (may_be_new(m, name)) {
        m->checkpoint->tensors[m->checkpoint->count] = *tensor;
        m->checkpoint->tensors[m->checkpoint->count++].name = name;
        status = rw_checkpoint_sort(m->checkpoint, m->err);
    } else {
        return rw_fail(m->err, RW_MODEL_CORRUPT, "the adapter's tensor \"%.*s\" is not in the base",
                       shown(name), name.ptr);
    }
    m->replaced++;
    return status;
}

static rw_status place(struct maker *m, const struct rw_tensor *tensor, enum part wanted)
{
    enum part part;
    const char *removed = NULL;
    struct rw_str name = rw_tensor_name_plain(tensor->name, &m->checkpoint->arena, &removed);
    if (name.ptr == NULL && tensor->name.len > 0) {
        return rw_fail(m->err, RW_NO_MEMORY, "no memory for the names of the adapter");
    }
    rw_status status = classify(m, &name, &part);
    if (status != RW_OK || (part == PART_WHOLE) != (wanted == PART_WHOLE)) {
        return status;
    }
    if (part == PART_WHOLE) {
        return replace(m, tensor, name);
    }
    if (part == PART_B) {
        const struct rw_checkpoint *c = m->checkpoint;
        bool paired = find_factor(c, name, ".lora_A.weight") != NULL ||
                      find_factor(c, name, ".lora_A.default.weight") != NULL;
        return paired
                   ? RW_OK
                   : rw_fail(m->err, RW_MODEL_CORRUPT,
                             "the adapter's factor of %.*s has no partner", shown(name), name.ptr);
    }
    return merge(m, tensor, name);
}

/* Names without wrappers, so that factors find each other; room for all of them among tensors. */
static rw_status take_tensors(struct maker *m)
{
    struct rw_checkpoint *c = m->checkpoint;
    const struct rw_safetensors *file = &c->shards[c->shard_count - 1];
    c->factors = rw_arena_array(&c->arena, file->count, sizeof *c->factors);
    struct rw_tensor *all = rw_arena_array(&c->arena, c->count + file->count, sizeof *all);
    if (c->factors == NULL || all == NULL) {
        return rw_fail(m->err, RW_NO_MEMORY, "no memory for the tensors of the adapter");
    }
    memcpy(all, c->tensors, c->count * sizeof *all);
    c->tensors = all;
    for (size_t i = 0; i < file->count; i++) {
        const char *removed = NULL;
        struct rw_tensor *to = &c->factors[c->factor_count++];
        *to = file->tensors[i];
        to->shard = (uint32_t)c->shard_count - 1;
        to->name = rw_tensor_name_plain(to->name, &c->arena, &removed);
        if (to->name.ptr == NULL && file->tensors[i].name.len > 0) {
            return rw_fail(m->err, RW_NO_MEMORY, "no memory for the names of the adapter");
        }
    }
    qsort(c->factors, c->factor_count, sizeof *c->factors, rw_checkpoint_by_name);
    for (size_t i = 1; i < c->factor_count; i++) {
        if (rw_str_equal(c->factors[i - 1].name, c->factors[i].name)) {
            return rw_fail(m->err, RW_MODEL_CORRUPT, "the adapter holds \"%.*s\" twice",
                           shown(c->factors[i].name), c->factors[i].name.ptr);
        }
    }
    return RW_OK;
}

static rw_status open_weights(struct maker *m)
{
    static const char *const FILES[] = {"adapter_model.safetensors", "adapter_model.bin"};
    char path[RW_CHECKPOINT_PATH_MAX];
    for (size_t i = 0; i < RW_COUNT(FILES); i++) {
        rw_status status = rw_checkpoint_path(m->dir, rw_str_from(FILES[i]), path, m->err);
        if (status != RW_OK) {
            return status;
        }
        if (rw_file_exists(path)) {
            status = rw_checkpoint_add_file(m->checkpoint, path, m->err);
            return status == RW_OK ? take_tensors(m) : status;
        }
    }
    return rw_fail(m->err, RW_NOT_FOUND,
                   CONFIG_FILE " is there, but neither adapter_model.safetensors nor "
                               "adapter_model.bin");
}

rw_status rw_adapter_attach(struct rw_checkpoint *checkpoint, const char *dir, struct rw_error *err)
{
    struct maker m = {.checkpoint = checkpoint, .err = err, .dir = dir};
    struct rw_arena scratch;
    rw_arena_init(&scratch, 16 * CONFIG_BYTES_MAX);
    rw_status status = read_config(&m, &scratch);
    if (status == RW_OK) {
        status = open_weights(&m);
    }
    for (size_t i = 0; i < checkpoint->factor_count && status == RW_OK; i++) {
        status = place(&m, &checkpoint->factors[i], PART_WHOLE);
    }
    for (size_t i = 0; i < checkpoint->factor_count && status == RW_OK; i++) {
        status = place(&m, &checkpoint->factors[i], PART_A);
    }
    rw_arena_fini(&scratch);
    if (status == RW_OK && m.merged + m.replaced == 0) {
        status = rw_fail(err, RW_MODEL_CORRUPT, "the adapter has no tensors");
    }
    if (status == RW_OK) {
        rw_checkpoint_say(checkpoint, "LoRA adapter: %zu weights merged%s, %zu tensors replaced",
                          m.merged, m.rslora ? " (rsLoRA)" : "", m.replaced);
    }
    return status;
}
