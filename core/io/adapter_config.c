/* adapter_config.json: what it asks for, and for which modules. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/file.h"
#include "core/base/util.h"
#include "core/io/adapter_parts.h"
#include "core/io/json.h"

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

static rw_status check_keys(struct rw_adapter_maker *m)
{
    RW_JSON_EACH (value, m->config) {
        bool known = is_neutral(value);
        for (size_t i = 0; i < RW_COUNT(KNOWN) && !known; i++) {
            known = rw_str_is(value->key, KNOWN[i]);
        }
        if (!known) {
            char what[160];
            const char *name = rw_str_is(value->key, "use_dora") ? " (DoRA)" : "";
            snprintf(what, sizeof what, "%.*s%s is not supported", rw_adapter_shown(value->key),
                     value->key.ptr, name);
            return rw_adapter_refuse(m, what);
        }
    }
    return RW_OK;
}

/* PiSSA, OLoRA, CorDA and LoftQ change the base before they train: the saved factors alone do not
 * say what was added. The others only say where training began. */
static rw_status check_init(struct rw_adapter_maker *m)
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
             rw_adapter_shown(init->text), init->text.ptr);
    return rw_adapter_refuse(m, what);
}

static rw_status check_method(struct rw_adapter_maker *m)
{
    const struct rw_json *method = rw_json_get(m->config, "peft_type");
    if (method == NULL || method->type != RW_JSON_STRING) {
        return rw_fail(m->err, RW_MODEL_CORRUPT, RW_ADAPTER_CONFIG " has no peft_type");
    }
    if (!rw_str_is(method->text, "LORA")) {
        static const char *const PROMPTS[] = {"PROMPT_TUNING", "P_TUNING",
                                              "PREFIX_TUNING", "MULTITASK_PROMPT_TUNING",
                                              "CPT",           "ADAPTION_PROMPT"};
        char what[160];
        snprintf(what, sizeof what, "peft_type %.*s is not supported, only LORA is",
                 rw_adapter_shown(method->text), method->text.ptr);
        rw_adapter_refuse(m, what);
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

static void read_task(struct rw_adapter_maker *m)
{
    const struct rw_json *task = rw_json_get(m->config, "task_type");
    m->checkpoint->task = rw_json_is_string(task, "SEQ_CLS")     ? RW_CHECKPOINT_TASK_SEQUENCE
                          : rw_json_is_string(task, "TOKEN_CLS") ? RW_CHECKPOINT_TASK_TOKEN
                                                                 : RW_CHECKPOINT_TASK_NONE;
}

static rw_status wrong_type(struct rw_adapter_maker *m, const char *key, const char *wanted)
{
    return rw_fail(m->err, RW_MODEL_CORRUPT, RW_ADAPTER_CONFIG ": %s is not %s", key, wanted);
}

/* Absent keys have the defaults of LoraConfig; one that is there and cannot be read would scale the
 * adapter by a number that nobody chose. */
static rw_status read_scale(struct rw_adapter_maker *m)
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

rw_status rw_adapter_read_config(struct rw_adapter_maker *m, struct rw_arena *scratch)
{
    char path[RW_CHECKPOINT_PATH_MAX];
    rw_status status = rw_checkpoint_path(m->dir, RW_STR(RW_ADAPTER_CONFIG), path, m->err);
    if (status == RW_OK) {
        status = rw_file_read_all(path, RW_ADAPTER_CONFIG_BYTES_MAX, &m->checkpoint->arena,
                                  &m->checkpoint->adapter_text, m->err);
    }
    if (status == RW_OK) {
        status = rw_json_parse(scratch, m->checkpoint->adapter_text, &m->config, m->err);
        if (status != RW_OK) {
            rw_error_prefix(m->err, RW_ADAPTER_CONFIG);
            return status;
        }
    }
    if (status == RW_OK && m->config->type != RW_JSON_OBJECT) {
        return rw_fail(m->err, RW_MODEL_CORRUPT, RW_ADAPTER_CONFIG " is not an object");
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

static bool lists_itself(const struct rw_json *list, struct rw_str module)
{
    RW_JSON_EACH (name, list) {
        if (name->type == RW_JSON_STRING && rw_str_equal(name->text, module)) {
            return true;
        }
    }
    return false;
}

/* The number of a layer as peft finds it: the first part of the path that is a number, has a part
 * behind it and two before it, the nearer one called `pattern` where that is given. */
static bool layer_of(struct rw_str module, struct rw_str pattern, unsigned long long *layer)
{
    struct rw_str before = {0};
    size_t parts = 0;
    for (size_t begin = 0; begin < module.len; parts++) {
        size_t end = rw_str_find(module, RW_STR("."), begin);
        struct rw_str part = rw_str_slice(module, begin, RW_MIN(end, module.len));
        bool placed = pattern.len > 0 ? rw_str_equal(before, pattern) : parts >= 2;
        if (placed && end < module.len && rw_str_to_u64(part, layer)) {
            return true;
        }
        before = part;
        begin = end + 1;
    }
    return false;
}

static bool layer_by_patterns(const struct rw_json *patterns, struct rw_str module,
                              unsigned long long *layer)
{
    if (patterns == NULL || is_neutral(patterns)) {
        return layer_of(module, (struct rw_str){0}, layer);
    }
    if (patterns->type == RW_JSON_STRING) {
        return layer_of(module, patterns->text, layer);
    }
    RW_JSON_EACH (pattern, patterns) {
        if (pattern->type == RW_JSON_STRING && layer_of(module, pattern->text, layer)) {
            return true;
        }
    }
    return false;
}

static bool layer_is_listed(const struct rw_adapter_maker *m, struct rw_str module)
{
    const struct rw_json *layers = rw_json_get(m->config, "layers_to_transform");
    unsigned long long layer;
    uint64_t value;
    if (layers == NULL || is_neutral(layers)) {
        return true;
    }
    if (!layer_by_patterns(rw_json_get(m->config, "layers_pattern"), module, &layer)) {
        return false;
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

/* Names of modules_to_save stand for the module and all inside it; peft puts no factors there. */
static bool is_saved_whole(const struct rw_json *saved, struct rw_str module)
{
    RW_JSON_EACH (name, saved) {
        struct rw_str rest = module;
        while (name->type == RW_JSON_STRING && name->text.len > 0 && rest.len > 0) {
            if (rw_str_starts(rest, name->text) &&
                (rest.len == name->text.len || rest.ptr[name->text.len] == '.')) {
                return true;
            }
            size_t dot = rw_str_find(rest, RW_STR("."), 0);
            rest = rw_str_slice(rest, RW_MIN(dot + 1, rest.len), rest.len);
        }
    }
    return false;
}

/* target_modules: names (what one of them ends with), a pattern, "all-linear" (of the layers; which
 * heads it takes depends on the class, and factors of a head are refused), or none: then what peft
 * takes for our families. */
static rw_status is_target(struct rw_adapter_maker *m, struct rw_str module, bool *yes)
{
    const struct rw_json *targets = rw_json_get(m->config, "target_modules");
    bool default_ones = targets == NULL || targets->type == RW_JSON_NULL;
    if (default_ones) {
        *yes = rw_str_ends(module, RW_STR(".q_proj")) || rw_str_ends(module, RW_STR(".v_proj"));
    } else if (targets->type == RW_JSON_STRING && rw_str_is(targets->text, "all-linear")) {
        *yes = rw_str_find(module, RW_STR("layers."), 0) < module.len;
    } else if (targets->type == RW_JSON_STRING) {
        return rw_adapter_pattern(targets->text, module, false, yes, m->err);
    } else if (targets->type == RW_JSON_ARRAY) {
        *yes = lists_itself(targets, module) ||
               (list_names(targets, module) && layer_is_listed(m, module));
    } else {
        return wrong_type(m, "target_modules", "a list or a text");
    }
    return RW_OK;
}

static rw_status is_excluded(struct rw_adapter_maker *m, struct rw_str module, bool *yes)
{
    const struct rw_json *excluded = rw_json_get(m->config, "exclude_modules");
    *yes = is_saved_whole(rw_json_get(m->config, "modules_to_save"), module);
    if (excluded == NULL || is_neutral(excluded) || *yes) {
        return RW_OK;
    }
    if (excluded->type == RW_JSON_STRING) {
        return rw_adapter_pattern(excluded->text, module, false, yes, m->err);
    }
    *yes = list_names(excluded, module);
    return excluded->type == RW_JSON_ARRAY ? RW_OK
                                           : wrong_type(m, "exclude_modules", "a list or a text");
}

/* peft makes factors for the modules that the config targets and drops the others it finds in the
 * file, with a warning; we do not guess which of the two was meant. */
rw_status rw_adapter_check_target(struct rw_adapter_maker *m, struct rw_str module)
{
    bool yes = false;
    bool out = false;
    rw_status status = is_target(m, module, &yes);
    if (status == RW_OK) {
        status = is_excluded(m, module, &out);
    }
    if (status == RW_OK && (!yes || out)) {
        status =
            rw_fail(m->err, RW_MODEL_CORRUPT,
                    "the adapter has factors for %.*s, which " RW_ADAPTER_CONFIG " does not target",
                    rw_adapter_shown(module), module.ptr);
        rw_error_hint(m->err,
                      "peft would leave them out: take the config that was saved with these "
                      "weights, or merge the adapter with peft");
    }
    return status;
}

/* First pattern that matches wins; *out keeps its value when none does. */
rw_status rw_adapter_by_pattern(struct rw_adapter_maker *m, const char *key, struct rw_str module,
                                double *out)
{
    const struct rw_json *patterns = rw_json_get(m->config, key);
    RW_JSON_EACH (pattern, patterns) {
        bool matches;
        rw_status status = rw_adapter_pattern(pattern->key, module, true, &matches, m->err);
        if (status != RW_OK) {
            return status;
        }
        if (matches && pattern->type != RW_JSON_NUMBER) {
            return rw_fail(m->err, RW_MODEL_CORRUPT, RW_ADAPTER_CONFIG ": %s holds no number", key);
        }
        if (matches) {
            *out = pattern->number;
            return RW_OK;
        }
    }
    return RW_OK;
}
