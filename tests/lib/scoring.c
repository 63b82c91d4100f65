#include "tests/lib/scoring.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/engine/engine.h"
#include "core/engine/model.h"
#include "tests/lib/data.h"

struct rw_engine *rw_test_engine(const struct rw_engine_options *options)
{
    struct rw_engine *engine;
    struct rw_error err = {0};
    rw_status status = rw_engine_create(options, &engine, &err);
    if (status != RW_OK) {
        fprintf(stderr, "engine: %s\n", err.message);
    }
    rw_assert(status == RW_OK);
    return engine;
}

const struct rw_model *rw_test_model(struct rw_engine *engine, const char *path, const char *name,
                                     enum rw_weights_dtype dtype)
{
    char dir[RW_TEST_PATH_MAX];
    struct rw_error err = {0};
    const struct rw_model *model;
    rw_test_source_path(path, dir);
    struct rw_model_options options = {
        .dir = dir, .name = name, .dtype = dtype, .skip_agreement = true};
    rw_status status = rw_engine_load(engine, &options, &model, &err);
    if (status != RW_OK) {
        fprintf(stderr, "%s: %s\n", path, err.message);
    }
    rw_assert(status == RW_OK);
    return model;
}

const struct rw_model *rw_test_language_model(struct rw_engine *engine, enum rw_weights_dtype dtype)
{
    char dir[RW_TEST_PATH_MAX];
    struct rw_error err = {0};
    struct rw_package *package;
    const struct rw_model *model;
    rw_test_source_path(RW_TEST_PRM, dir);
    rw_status status = rw_package_open(dir, NULL, &package, &err);
    rw_assert(status == RW_OK);
    package->config.tied_embeddings = true;
    snprintf(package->config.architecture, sizeof package->config.architecture, "Qwen3ForCausalLM");
    struct rw_model_options options = {.dir = dir, .dtype = dtype, .language_head = true};
    status = rw_engine_adopt(engine, &options, package, rw_package_close, &model, &err);
    if (status != RW_OK) {
        fprintf(stderr, "%s: %s\n", dir, err.message);
    }
    rw_assert(status == RW_OK);
    return model;
}

uint32_t rw_test_vocab(const struct rw_model *model)
{
    return rw_model_vocab(model);
}

void rw_test_input(struct rw_input *out, uint32_t vocab, uint32_t n_tokens, uint32_t stride,
                   uint64_t seed)
{
    *out = (struct rw_input){.n_tokens = n_tokens, .outcome_position = n_tokens - 1};
    out->ids = rw_alloc_array(n_tokens, sizeof *out->ids);
    out->steps = rw_alloc_zero(n_tokens, sizeof *out->steps);
    rw_assert(out->ids != NULL && out->steps != NULL);
    uint64_t state = seed * 2654435761u + 88172645463325252u;
    for (uint32_t i = 0; i < n_tokens; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out->ids[i] = (int32_t)(state % vocab);
        if ((i + 1) % stride == 0 || i + 1 == n_tokens) {
            out->steps[out->n_steps++].position = i;
        }
    }
    out->n_scored_steps = out->n_steps;
}

void rw_test_input_free(struct rw_input *input)
{
    rw_free(input->ids);
    rw_free(input->steps);
}

void rw_test_await(struct rw_engine *engine, size_t n)
{
    size_t final = 0;
    for (int turns = 0; final < n; turns++) {
        struct rw_job *changed[8];
        size_t k = rw_engine_poll(engine, changed, 8);
        for (size_t i = 0; i < k; i++) {
            struct rw_job_view view;
            rw_job_view(changed[i], &view);
            final += view.state != RW_JOB_QUEUED && view.state != RW_JOB_RUNNING;
        }
        if (k == 0) {
            poll(NULL, 0, 1);
        }
        rw_assert(turns < 60000);
    }
}

static struct rw_job *submit(struct rw_engine *engine, const struct rw_job_spec *spec)
{
    struct rw_job *job;
    struct rw_error err = {0};
    rw_status status = rw_engine_submit(engine, spec, 1, &job, &err);
    if (status != RW_OK) {
        fprintf(stderr, "submit: %s\n", err.message);
    }
    rw_assert(status == RW_OK);
    return job;
}

struct rw_job *rw_test_submit(struct rw_engine *engine, const struct rw_model *model,
                              const struct rw_input *input, float stop_below, uint64_t deadline_ns)
{
    struct rw_job_spec spec = {
        .model = model, .input = input, .stop_below = stop_below, .deadline_ns = deadline_ns};
    return submit(engine, &spec);
}

struct rw_job *rw_test_submit_features(struct rw_engine *engine, const struct rw_model *model,
                                       const struct rw_input *input)
{
    struct rw_job_spec spec = {
        .model = model, .input = input, .stop_below = NAN, .want_features = true};
    return submit(engine, &spec);
}
