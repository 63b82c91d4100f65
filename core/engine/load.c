/* The parts of the public boundary that open packages and build inputs. */
#include <stdio.h>

#include "core/base/date.h"
#include "core/base/util.h"
#include "core/engine/engine.h"
#include "core/model/binding.h"
#include "core/model/layout.h"
#include "core/model/preset.h"

enum {
    PRESET_BYTES_MAX = 1 << 20,           /* one preset as a tree */
    OUTLINE_BYTES_MAX = 64 * 1024 * 1024, /* the list of bindings of the largest model we take */
};

static rw_status open_package(const struct rw_model_options *options, struct rw_package **out,
                              struct rw_error *err)
{
    const struct rw_package_request request = {.dir = options->dir,
                                               .base = options->base,
                                               .preset = options->preset,
                                               .date = options->template_date};
    return rw_package_open_as(&request, out, err);
}

rw_status rw_engine_load(struct rw_engine *engine, const struct rw_model_options *options,
                         const struct rw_model **out, struct rw_error *err)
{
    *out = NULL;
    struct rw_package *package;
    rw_status status = open_package(options, &package, err);
    if (status != RW_OK) {
        return status;
    }
    status = rw_engine_adopt(engine, options, package, rw_package_close, out, err);
    if (status != RW_OK) {
        rw_error_prefix(err, "%s", options->dir);
        rw_package_close(package);
    }
    return status;
}

static void describe(const struct rw_package *package, const struct rw_model_options *options,
                     struct rw_model_outline *out)
{
    uint32_t context = package->context_max;
    if (options->context_max > 0 && options->context_max < context) {
        context = options->context_max;
    }
    *out = (struct rw_model_outline){.kind = package->recipe.kind,
                                     .context_max = context,
                                     .golden_vectors = (uint32_t)package->n_golden};
    snprintf(out->dir, sizeof out->dir, "%s", package->dir);
    snprintf(out->preset, sizeof out->preset, "%s", package->recipe.preset);
    snprintf(out->evidence, sizeof out->evidence, "%s", package->evidence);
    snprintf(out->architecture, sizeof out->architecture, "%s", package->config.architecture);
    snprintf(out->digest, sizeof out->digest, "%s", package->digest);
    if (package->uses_date) {
        rw_date_write(&package->now, out->template_date);
    }
}

rw_status rw_model_check(const struct rw_model_options *options, struct rw_model_outline *out,
                         struct rw_error *err)
{
    struct rw_package *package;
    rw_status status = open_package(options, &package, err);
    if (status != RW_OK) {
        return status;
    }
    struct rw_bindings bindings;
    struct rw_arena arena;
    rw_arena_init(&arena, OUTLINE_BYTES_MAX);
    describe(package, options, out);
    status = rw_bindings_make(&package->config, &package->recipe, package->checkpoint,
                              options->language_head, &arena, &bindings, err);
    if (status == RW_OK) {
        out->stored_bytes = bindings.stored_bytes;
    }
    rw_arena_fini(&arena);
    rw_package_close(package);
    return status;
}

bool rw_model_preset(size_t i, char *line, size_t size)
{
    return rw_preset_line(i, line, size);
}

static rw_status view_pieces(const struct rw_tokenizer *tokenizer, const struct rw_input *input,
                             struct rw_input_view *view, struct rw_error *err)
{
    for (uint32_t i = 0; i < input->n_tokens; i++) {
        rw_tokenizer_bytes(tokenizer, input->ids[i], &view->pieces);
        uint32_t end = (uint32_t)view->pieces.len;
        rw_buf_append(&view->piece_ends, &end, sizeof end);
    }
    return view->pieces.failed || view->piece_ends.failed
               ? rw_fail(err, RW_NO_MEMORY, "no memory for the tokens")
               : RW_OK;
}

rw_status rw_model_explain(const struct rw_model_options *options,
                           const struct rw_trace_source *source, struct rw_arena *arena,
                           struct rw_input *input, struct rw_model_outline *outline,
                           struct rw_error *err)
{
    struct rw_package *package;
    rw_status status = open_package(options, &package, err);
    if (status != RW_OK) {
        return status;
    }
    describe(package, options, outline);
    struct rw_trace_source capped = *source;
    capped.tokens_max = RW_MIN(capped.tokens_max, (size_t)outline->context_max);
    status = rw_input_build(package, &capped, arena, input, err);
    if (status == RW_OK && source->view != NULL) {
        status = view_pieces(package->tokenizer, input, source->view, err);
    }
    rw_package_close(package);
    return status;
}

rw_status rw_model_build_suffix(const struct rw_model *model, const struct rw_suffix_source *source,
                                struct rw_arena *arena, struct rw_suffix *out, struct rw_error *err)
{
    return rw_suffix_build(model->package->tokenizer, source, arena, out, err);
}

struct rw_str rw_model_marker(const struct rw_model *model)
{
    const struct rw_layout *layout = model->package->layout;
    return layout->count_marker ? layout->marker_text : (struct rw_str){NULL, 0};
}

rw_status rw_model_build_raw(const struct rw_model *model, const struct rw_raw_source *source,
                             struct rw_arena *arena, struct rw_input *out, struct rw_error *err)
{
    struct rw_raw_source capped = *source;
    if (capped.tokens_max == 0 || capped.tokens_max > model->info.context_max) {
        capped.tokens_max = model->info.context_max;
    }
    return rw_raw_build(model->package, &capped, arena, out, err);
}

rw_status rw_model_build_input(const struct rw_model *model, const struct rw_trace_source *source,
                               struct rw_arena *arena, struct rw_input *out, struct rw_error *err)
{
    struct rw_trace_source capped = *source;
    if (capped.tokens_max == 0 || capped.tokens_max > model->info.context_max) {
        capped.tokens_max = model->info.context_max;
    }
    return rw_input_build(model->package, &capped, arena, out, err);
}
