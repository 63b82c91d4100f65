#include "tests/lib/fake_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/utf8.h"
#include "core/base/util.h"

enum {
    TOKEN_BYTES = 4,
    CONTEXT_DEFAULT = 131072,
};

struct rw_model {
    struct rw_model_info info;
    char name[64];
    char digest[65];
    unsigned step_us;
};

/* ---- models ---------------------------------------------------------------------------------- */

static unsigned option(const char *dir, const char *name, unsigned otherwise)
{
    const char *at = strstr(dir, name);
    return at != NULL ? (unsigned)strtoul(at + strlen(name), NULL, 10) : otherwise;
}

rw_status rw_fake_model_load(const struct rw_model_options *options, struct rw_model **out,
                             struct rw_error *err)
{
    bool process = strncmp(options->dir, "process", 7) == 0;
    if ((!process && strncmp(options->dir, "outcome", 7) != 0) ||
        strstr(options->dir, ":bad") != NULL) {
        return rw_fail(err, RW_MODEL_UNSUPPORTED,
                       "the fake engine knows \"process\" and "
                       "\"outcome\", not \"%s\"",
                       options->dir);
    }
    struct timespec wait = {0, option(options->dir, ":load", 0) % 1000 * 1000000L};
    wait.tv_sec = option(options->dir, ":load", 0) / 1000;
    nanosleep(&wait, NULL);
    struct rw_model *m = rw_alloc_zero(1, sizeof *m);
    if (m == NULL) {
        return rw_fail_memory(err, "a model");
    }
    snprintf(m->name, sizeof m->name, "%s",
             options->name != NULL ? options->name
             : process             ? "fake-prm"
                                   : "fake-orm");
    memset(m->digest, process ? 'a' : 'b', 64);
    m->step_us = option(options->dir, ":step", 0);
    m->info = (struct rw_model_info){
        .name = m->name,
        .dir = options->dir,
        .digest = m->digest,
        .preset = "fake",
        .architecture = "none",
        .kind = process ? RW_KIND_PROCESS : RW_KIND_OUTCOME,
        .dtype = "f32",
        .aggregate = RW_AGGREGATE_MIN,
        .context_max = option(options->dir, ":ctx", CONTEXT_DEFAULT),
    };
    if (options->progress != NULL) {
        options->progress(options->progress_ctx, 1, 1);
    }
    *out = m;
    return RW_OK;
}

void rw_fake_model_free(struct rw_model *model)
{
    rw_free(model);
}

unsigned rw_fake_model_step_us(const struct rw_model *model)
{
    return model->step_us;
}

bool rw_model_preset(size_t i, char *line, size_t size)
{
    if (i == 0) {
        snprintf(line, size, "fake");
    }
    return i == 0;
}

rw_status rw_model_explain(const struct rw_model_options *options,
                           const struct rw_trace_source *source, struct rw_arena *arena,
                           struct rw_input *input, struct rw_model_outline *outline,
                           struct rw_error *err)
{
    (void)options, (void)source, (void)arena, (void)input, (void)outline;
    return rw_fail(err, RW_UNAVAILABLE, "the fake engine reads no folder");
}

rw_status rw_model_name(const struct rw_model_options *options, char name[RW_MODEL_NAME_MAX],
                        struct rw_error *err)
{
    (void)err;
    snprintf(name, RW_MODEL_NAME_MAX, "%s", options->name != NULL ? options->name : options->dir);
    return RW_OK;
}

rw_status rw_model_check(const struct rw_model_options *options, struct rw_model_outline *out,
                         struct rw_error *err)
{
    *out = (struct rw_model_outline){.preset = "fake"};
    return strstr(options->dir, ":bad") != NULL
               ? rw_fail(err, RW_MODEL_UNSUPPORTED, "%s is bad", options->dir)
               : RW_OK;
}

const struct rw_model_info *rw_model_info(const struct rw_model *model)
{
    return &model->info;
}

/* ---- rewards --------------------------------------------------------------------------------- */

uint32_t rw_fake_model_scores(const struct rw_model *model, const struct rw_input *input)
{
    return model->info.kind == RW_KIND_OUTCOME ? 1 : input->n_scored_steps;
}

/* An outcome is read where the last step is. */
struct rw_score rw_fake_model_score(const struct rw_model *model, const struct rw_input *input,
                                    uint32_t i)
{
    uint32_t last = input->n_steps > 0 ? input->n_steps - 1 : 0;
    uint32_t step = model->info.kind == RW_KIND_OUTCOME ? last : i;
    uint32_t end = input->n_steps > 0 ? input->steps[step].position + 1 : input->n_tokens;
    uint64_t h = rw_hash64(input->ids, end * sizeof *input->ids, 42);
    float raw = (float)(h % 2001) / 250.0F - 4.0F;
    return (struct rw_score){raw, 1.0F / (1.0F + expf(-raw))};
}

/* ---- input ----------------------------------------------------------------------------------- */

static size_t split(struct rw_str text, struct rw_arena *arena, struct rw_str **out)
{
    size_t n = 0;
    struct rw_str *steps = rw_arena_array(arena, text.len / 3 + 2, sizeof *steps);
    for (size_t at = 0; steps != NULL && at < text.len;) {
        size_t end = rw_str_find(text, RW_STR("\n\n"), at);
        size_t next = end < text.len ? end + 2 : end;
        steps[n++] = rw_str_slice(text, at, next);
        at = next;
    }
    *out = steps;
    return n;
}

static uint32_t put_tokens(int32_t *ids, struct rw_str text)
{
    uint32_t n = 0;
    for (size_t at = 0; at < text.len; at += TOKEN_BYTES) {
        size_t len = text.len - at < TOKEN_BYTES ? text.len - at : TOKEN_BYTES;
        ids[n++] = (int32_t)(rw_hash64(text.ptr + at, len, 7) & 0xFFFF);
    }
    return n;
}

static void place_steps(const struct rw_str *steps, size_t n, struct rw_input *out)
{
    uint32_t bytes = 0;
    uint32_t chars = 0;
    for (size_t i = 0; i < n; i++) {
        struct rw_input_step *s = &out->steps[i];
        s->byte_begin = bytes;
        s->char_begin = chars;
        bytes += (uint32_t)steps[i].len;
        chars += (uint32_t)rw_utf8_count(steps[i]);
        s->byte_end = bytes;
        s->char_end = chars;
        s->tokens = put_tokens(out->ids + out->n_tokens, steps[i]) + 1;
        out->n_tokens += s->tokens;
        out->ids[out->n_tokens - 1] = -1; /* marker */
        s->position = out->n_tokens - 1;
        if (rw_str_find(steps[i], RW_STR("<|im_end|>"), 0) < steps[i].len) {
            out->special_token_texts++;
        }
    }
}

static rw_status fit(struct rw_input *out, const struct rw_trace_source *source,
                     struct rw_error *err)
{
    if (out->n_tokens <= source->tokens_max) {
        return RW_OK;
    }
    if (source->overlong == RW_OVERLONG_ERROR) {
        rw_fail(err, RW_CONTEXT_EXCEEDED, "the trace needs %u tokens, the limit is %zu",
                out->n_tokens, source->tokens_max);
        rw_error_hint(err, "shorten it, or set \"overlong\": \"drop_steps\"");
        return RW_CONTEXT_EXCEEDED;
    }
    while (out->n_scored_steps > 0 &&
           out->steps[out->n_scored_steps - 1].position >= source->tokens_max) {
        out->n_scored_steps--;
    }
    out->truncated = true;
    out->n_tokens = out->n_scored_steps > 0 ? out->steps[out->n_scored_steps - 1].position + 1 : 0;
    return out->n_scored_steps > 0
               ? RW_OK
               : rw_fail(err, RW_CONTEXT_EXCEEDED, "not even the first step fits");
}

/* Unreachable: these models have no language head. */
rw_status rw_model_build_suffix(const struct rw_model *model, const struct rw_suffix_source *source,
                                struct rw_arena *arena, struct rw_suffix *out, struct rw_error *err)
{
    (void)model;
    (void)source;
    (void)arena;
    *out = (struct rw_suffix){0};
    return rw_fail(err, RW_MODEL_KIND, "no language head");
}

/* One token an id, or one for a text; read at its end. */
rw_status rw_model_build_raw(const struct rw_model *model, const struct rw_raw_source *source,
                             struct rw_arena *arena, struct rw_input *out, struct rw_error *err)
{
    (void)model;
    size_t n = source->ids != NULL ? source->n_ids : 1;
    *out = (struct rw_input){.n_tokens = (uint32_t)n, .n_steps = 1, .n_scored_steps = 1};
    out->ids = rw_arena_array(arena, n + 1, sizeof *out->ids);
    out->steps = rw_arena_array(arena, 1, sizeof *out->steps);
    if (out->ids == NULL || out->steps == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory");
    }
    for (size_t i = 0; i < n; i++) {
        out->ids[i] = source->ids != NULL ? source->ids[i] : 1;
    }
    out->outcome_position = out->n_tokens - 1;
    out->steps[0] = (struct rw_input_step){.position = out->n_tokens - 1, .tokens = out->n_tokens};
    return RW_OK;
}

struct rw_str rw_model_marker(const struct rw_model *model)
{
    (void)model;
    return (struct rw_str){NULL, 0};
}

rw_status rw_model_build_input(const struct rw_model *model, const struct rw_trace_source *source,
                               struct rw_arena *arena, struct rw_input *out, struct rw_error *err)
{
    (void)model;
    struct rw_str *cut = NULL;
    const struct rw_str *steps = source->steps;
    size_t n = source->n_steps;
    *out = (struct rw_input){0};
    if (source->is_text) {
        n = split(source->text, arena, &cut);
        steps = cut;
        out->split = n > 1 ? RW_STR("\n\n") : RW_STR("");
    }
    if (n == 0) {
        return rw_fail(err, RW_EMPTY_TRACE, "the trace has no step");
    }
    size_t tokens = n * 2;
    for (size_t i = 0; i < n; i++) {
        tokens += steps[i].len / TOKEN_BYTES + 1;
        if (steps[i].len == 0) {
            return rw_fail(err, RW_EMPTY_TRACE, "step %zu is empty", i);
        }
    }
    for (size_t i = 0; i < source->n_messages; i++) {
        tokens += source->messages[i].content.len / TOKEN_BYTES + 1;
    }
    if (n > source->steps_max) {
        rw_fail(err, RW_LIMIT_EXCEEDED, "the trace has %zu steps, the limit is %zu", n,
                source->steps_max);
        rw_error_hint(err, "--steps-max raises it");
        return RW_LIMIT_EXCEEDED;
    }
    out->ids = rw_arena_array(arena, tokens, sizeof *out->ids);
    out->steps = rw_arena_array(arena, n, sizeof *out->steps);
    if (out->ids == NULL || out->steps == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for the token ids");
    }
    for (size_t i = 0; i < source->n_messages; i++) {
        out->n_tokens += put_tokens(out->ids + out->n_tokens, source->messages[i].content);
    }
    out->prompt_tokens = out->n_tokens;
    out->n_steps = (uint32_t)n;
    out->n_scored_steps = (uint32_t)n;
    place_steps(steps, n, out);
    out->outcome_position = out->n_tokens - 1;
    return fit(out, source, err);
}
