/* The parts of the public boundary that open packages and build inputs. */
#include "core/engine/engine.h"

rw_status rw_engine_load(struct rw_engine *engine, const struct rw_model_options *options,
                         const struct rw_model **out, struct rw_error *err)
{
    *out = NULL;
    struct rw_package *package;
    rw_status status = rw_package_open(options->dir, options->preset, &package, err);
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

rw_status rw_model_build_input(const struct rw_model *model, const struct rw_trace_source *source,
                               struct rw_arena *arena, struct rw_input *out, struct rw_error *err)
{
    struct rw_trace_source capped = *source;
    if (capped.tokens_max == 0 || capped.tokens_max > model->info.context_max) {
        capped.tokens_max = model->info.context_max;
    }
    return rw_input_build(model->package, &capped, arena, out, err);
}
