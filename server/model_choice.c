#include "server/model_choice.h"

static rw_status read_date(const char *text, struct rw_arena *arena, const struct tm **out,
                           struct rw_error *err)
{
    struct tm *date = rw_arena_alloc(arena, sizeof *date);
    if (date == NULL) {
        return rw_fail_memory(err, "the options");
    }
    *out = date;
    return rw_options_date(text, date, err);
}

rw_status rw_model_choice_read(const char *value, const struct rw_options *options,
                               struct rw_arena *arena, struct rw_model_choice *choice,
                               struct rw_model_options *out, struct rw_error *err)
{
    rw_status status = rw_options_model(value, arena, choice, err);
    if (status != RW_OK) {
        return status;
    }
    *out = (struct rw_model_options){.name = choice->name,
                                     .dir = choice->dir,
                                     .base = choice->base,
                                     .preset = choice->preset,
                                     .context_max = choice->context_max,
                                     .language_head = choice->language_head};
    const char *dtype = choice->dtype;
    const char *date = choice->date;
    if (options != NULL) {
        dtype = dtype != NULL ? dtype : options->dtype;
        date = date != NULL ? date : options->template_date;
    }
    if (dtype != NULL && !rw_weights_dtype_named(rw_str_from(dtype), &out->dtype)) {
        return rw_fail(err, RW_CONFIG, "dtype: \"%s\" is none of auto, f32, bf16, int8, q4", dtype);
    }
    return date != NULL ? read_date(date, arena, &out->template_date, err) : RW_OK;
}
