#include "core/io/adapter_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/file.h"
#include "core/base/util.h"
#include "core/io/json.h"
#include "core/io/tensor_names.h"

enum {
    RANK_MAX = 8192,
};

/* Where a tensor of the adapter belongs. */
enum part {
    PART_A,
    PART_B,
    PART_WHOLE, /* replaces the tensor of its name */
    PART_INNER, /* the same, of a layer that has factors too: peft calls it base_layer */
};

int rw_adapter_shown(struct rw_str text)
{
    return (int)RW_MIN(text.len, (size_t)RW_CHECKPOINT_NAME_SHOWN);
}

rw_status rw_adapter_refuse(struct rw_adapter_maker *m, const char *what)
{
    rw_fail(m->err, RW_MODEL_UNSUPPORTED, RW_ADAPTER_CONFIG ": %s", what);
    rw_error_hint(
        m->err,
        "merge it with peft: python -c \"from peft import "
        "AutoPeftModelForSequenceClassification as M; "
        "M.from_pretrained('%.100s').merge_and_unload().save_pretrained('merged')\", with "
        "the class it was trained under; then copy the tokenizer",
        m->dir);
    return RW_MODEL_UNSUPPORTED;
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
static rw_status remove_word(struct rw_adapter_maker *m, struct rw_str *name, const char *word)
{
    size_t len = strlen(word), at = rw_str_find(*name, rw_str_from(word), 0);
    if (len > name->len || at >= name->len) {
        return RW_OK;
    }
    char *copy = rw_arena_alloc(&m->checkpoint->arena, name->len);
    if (copy == NULL) {
        return rw_fail_memory(m->err, "the names of the adapter");
    }
    memcpy(copy, name->ptr, at);
    memcpy(copy + at, name->ptr + at + len, name->len - at - len);
    *name = (struct rw_str){copy, name->len - len};
    return RW_OK;
}

/* Factors of other things than linear layers, and of other methods. */
static rw_status refuse_foreign(struct rw_adapter_maker *m, struct rw_str name)
{
    static const char *const FOREIGN[] = {
        "lora_embedding_", "lora_magnitude_vector", "lora_E",      "lora_ranknum",  "ia3_l",
        "vera_lambda",     "lora_A.bias",           "lora_B.bias", "token_adapter."};
    for (size_t i = 0; i < RW_COUNT(FOREIGN); i++) {
        if (rw_str_find(name, rw_str_from(FOREIGN[i]), 0) < name.len) {
            char what[200];
            snprintf(what, sizeof what,
                     "tensor \"%.*s\" is no part of a plain LoRA of linear layers",
                     rw_adapter_shown(name), name.ptr);
            return rw_adapter_refuse(m, what);
        }
    }
    return RW_OK;
}

/* *name becomes the module of a factor, or the tensor that is replaced. */
static rw_status classify(struct rw_adapter_maker *m, struct rw_str *name, enum part *part)
{
    if (cut_end(name, ".lora_A.weight") || cut_end(name, ".lora_A.default.weight")) {
        *part = PART_A;
        return RW_OK;
    }
    if (cut_end(name, ".lora_B.weight") || cut_end(name, ".lora_B.default.weight")) {
        *part = PART_B;
        return RW_OK;
    }
    size_t len = name->len;
    rw_status status = remove_word(m, name, ".base_layer");
    *part = name->len < len ? PART_INNER : PART_WHOLE;
    if (status == RW_OK) {
        status = remove_word(m, name, ".modules_to_save.default");
    }
    return status == RW_OK ? remove_word(m, name, ".modules_to_save") : status;
}

/* `suffix` behind the module; a bare or a wrapped base is found too. */
static rw_status find_target(struct rw_adapter_maker *m, struct rw_str module, const char *suffix,
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

static rw_status check_factors(struct rw_adapter_maker *m, const struct rw_tensor *w,
                               const struct rw_tensor *a, const struct rw_tensor *b,
                               struct rw_str module)
{
    double rank = (double)m->rank;
    rw_status status = rw_adapter_by_pattern(m, "rank_pattern", module, &rank);
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
                       rw_adapter_shown(module), module.ptr, (unsigned long long)a->shape[0],
                       (unsigned long long)a->shape[1], (unsigned long long)b->shape[0],
                       (unsigned long long)b->shape[1], (unsigned long long)w->shape[0],
                       (unsigned long long)w->shape[1], rank);
    }
    if (a->type == RW_TENSOR_OTHER || b->type == RW_TENSOR_OTHER || w->type == RW_TENSOR_OTHER) {
        return rw_fail(m->err, RW_MODEL_UNSUPPORTED,
                       "the adapter or its base stores %.*s as neither F32 nor F16 nor BF16",
                       rw_adapter_shown(module), module.ptr);
    }
    return RW_OK;
}

static rw_status merge(struct rw_adapter_maker *m, const struct rw_tensor *a, struct rw_str module)
{
    struct rw_checkpoint *c = m->checkpoint;
    struct rw_tensor *w;
    const struct rw_tensor *b = find_factor(c, module, ".lora_B.weight");
    b = b != NULL ? b : find_factor(c, module, ".lora_B.default.weight");
    rw_status status = rw_adapter_check_target(m, module);
    if (status == RW_OK) {
        status = find_target(m, module, ".weight", &w);
    }
    if (status != RW_OK) {
        return status;
    }
    if (w == NULL || b == NULL || w->delta != NULL) {
        return rw_fail(m->err, RW_MODEL_CORRUPT, "the adapter's factor of %.*s has no %s",
                       rw_adapter_shown(module), module.ptr,
                       w == NULL ? "weight in the base" : "partner, or several");
    }
    status = check_factors(m, w, a, b, module);
    double alpha = m->alpha, rank = (double)a->shape[0];
    if (status == RW_OK) {
        status = rw_adapter_by_pattern(m, "alpha_pattern", module, &alpha);
    }
    struct rw_delta *delta = rw_arena_alloc(&c->arena, sizeof *delta);
    if (status == RW_OK && delta == NULL) {
        status = rw_fail_memory(m->err, "the adapter");
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
static bool may_be_new(const struct rw_adapter_maker *m, struct rw_str name)
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

static rw_status replace(struct rw_adapter_maker *m, const struct rw_tensor *tensor,
                         struct rw_str name)
{
    struct rw_tensor *old;
    rw_status status = find_target(m, name, "", &old);
    if (status != RW_OK) {
        return status;
    }
    m->embedding = m->embedding || rw_str_ends(name, RW_STR("embed_tokens.weight"));
    if (old != NULL) {
        if (old->delta != NULL || old->shard == tensor->shard) {
            return rw_fail(m->err, RW_MODEL_CORRUPT, "the adapter holds \"%.*s\" twice",
                           rw_adapter_shown(name), name.ptr);
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
                       rw_adapter_shown(name), name.ptr);
    }
    m->replaced++;
    return status;
}

/* peft names a tensor of a layer that has factors base_layer, and reads one under any other name
 * only where there are none: what it would leave out is refused. */
static rw_status check_whole(struct rw_adapter_maker *m, struct rw_str name, enum part part)
{
    size_t end = name.len;
    while (end > 0 && name.ptr[end - 1] != '.') {
        end--;
    }
    struct rw_str module = rw_str_slice(name, 0, end > 0 ? end - 1 : 0);
    bool factors = find_factor(m->checkpoint, module, ".lora_A.weight") != NULL ||
                   find_factor(m->checkpoint, module, ".lora_A.default.weight") != NULL;
    if (factors == (part == PART_INNER)) {
        return RW_OK;
    }
    rw_fail(m->err, RW_MODEL_CORRUPT, "the adapter's tensor \"%.*s\" is not where peft reads it",
            rw_adapter_shown(name), name.ptr);
    rw_error_hint(m->err, "load it with peft, see which keys are missing, and save it again");
    return RW_MODEL_CORRUPT;
}

static rw_status place(struct rw_adapter_maker *m, const struct rw_tensor *tensor, enum part wanted)
{
    enum part part;
    const char *removed = NULL;
    struct rw_str name = rw_tensor_name_plain(tensor->name, &m->checkpoint->arena, &removed);
    if (name.ptr == NULL && tensor->name.len > 0) {
        return rw_fail_memory(m->err, "the names of the adapter");
    }
    rw_status status = classify(m, &name, &part);
    bool whole = part == PART_WHOLE || part == PART_INNER;
    if (status != RW_OK || whole != (wanted == PART_WHOLE)) {
        return status;
    }
    if (whole) {
        status = check_whole(m, name, part);
        return status == RW_OK ? replace(m, tensor, name) : status;
    }
    if (part == PART_B) {
        const struct rw_checkpoint *c = m->checkpoint;
        bool paired = find_factor(c, name, ".lora_A.weight") != NULL ||
                      find_factor(c, name, ".lora_A.default.weight") != NULL;
        return paired ? RW_OK
                      : rw_fail(m->err, RW_MODEL_CORRUPT,
                                "the adapter's factor of %.*s has no partner",
                                rw_adapter_shown(name), name.ptr);
    }
    return merge(m, tensor, name);
}

/* All factors are renamed before any is placed: an A may stand before its B in the file. Names
 * without wrappers, so that factors find each other; room for all of them among tensors. */
static rw_status take_tensors(struct rw_adapter_maker *m)
{
    struct rw_checkpoint *c = m->checkpoint;
    const struct rw_safetensors *file = &c->shards[c->shard_count - 1];
    c->factors = rw_arena_array(&c->arena, file->count, sizeof *c->factors);
    struct rw_tensor *all = rw_arena_array(&c->arena, c->count + file->count, sizeof *all);
    if (c->factors == NULL || all == NULL) {
        return rw_fail_memory(m->err, "the tensors of the adapter");
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
            return rw_fail_memory(m->err, "the names of the adapter");
        }
    }
    qsort(c->factors, c->factor_count, sizeof *c->factors, rw_checkpoint_by_name);
    for (size_t i = 1; i < c->factor_count; i++) {
        if (rw_str_equal(c->factors[i - 1].name, c->factors[i].name)) {
            return rw_fail(m->err, RW_MODEL_CORRUPT, "the adapter holds \"%.*s\" twice",
                           rw_adapter_shown(c->factors[i].name), c->factors[i].name.ptr);
        }
    }
    return RW_OK;
}

static rw_status open_weights(struct rw_adapter_maker *m)
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
                   RW_ADAPTER_CONFIG " is there, but neither adapter_model.safetensors nor "
                                     "adapter_model.bin");
}

rw_status rw_adapter_attach(struct rw_checkpoint *checkpoint, const char *dir, struct rw_error *err)
{
    struct rw_adapter_maker m = {.checkpoint = checkpoint, .err = err, .dir = dir};
    struct rw_arena scratch;
    rw_arena_init(&scratch, 16 * RW_ADAPTER_CONFIG_BYTES_MAX);
    rw_status status = rw_adapter_read_config(&m, &scratch);
    if (status == RW_OK) {
        status = open_weights(&m);
    }
    for (size_t i = 0; i < checkpoint->factor_count && status == RW_OK; i++) {
        status = refuse_foreign(&m, checkpoint->factors[i].name);
    }
    /* Whole tensors first: factors are held against the tensors that stay. */
    for (size_t i = 0; i < checkpoint->factor_count && status == RW_OK; i++) {
        status = place(&m, &checkpoint->factors[i], PART_WHOLE);
    }
    for (size_t i = 0; i < checkpoint->factor_count && status == RW_OK; i++) {
        status = place(&m, &checkpoint->factors[i], PART_A);
    }
    rw_arena_fini(&scratch);
    if (status == RW_OK && m.embedding && checkpoint->task == RW_CHECKPOINT_TASK_NONE &&
        rw_checkpoint_lookup(checkpoint, RW_STR("lm_head.weight")) == NULL) {
        status = rw_adapter_refuse(&m, "an embedding of its own under a tied output layer, which "
                                       "peft leaves as it was,");
    }
    if (status == RW_OK && m.merged + m.replaced == 0) {
        status = rw_fail(err, RW_MODEL_CORRUPT, "the adapter has no tensors");
    }
    if (status == RW_OK) {
        rw_checkpoint_say(checkpoint, "LoRA adapter: %zu weights merged%s, %zu tensors replaced",
                          m.merged, m.rslora ? " (rsLoRA)" : "", m.replaced);
    }
    return status;
}
