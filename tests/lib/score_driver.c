/* Scores token ids with a model folder: the oracle's way to our float32 values.
 *
 *     score_driver DIR auto|f32|bf16 THREADS CHUNK_TOKENS [KERNEL]
 *
 * Standard input: one trace per line, "id id ... | position position ...". All traces are submitted
 * at once. Standard output: per trace one line of "raw reward" pairs, or "error CODE: MESSAGE". */
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/rw_engine.h"

enum {
    TRACES_MAX = 256,
    LINE_MAX_BYTES = 1 << 20,
    POSITIONS_MAX = 4096,
};

static struct rw_input inputs[TRACES_MAX];
static struct rw_job *jobs[TRACES_MAX];
static struct rw_job_spec specs[TRACES_MAX];

static uint32_t parse_numbers(char **at, int32_t *to, uint32_t max)
{
    uint32_t n = 0;
    for (;;) {
        char *end;
        long value = strtol(*at, &end, 10);
        if (end == *at || n == max) {
            return n;
        }
        to[n++] = (int32_t)value;
        *at = end;
    }
}

static void parse_line(char *line, struct rw_input *in)
{
    uint32_t ids_max = (uint32_t)(strlen(line) / 2 + 1);
    static int32_t positions[POSITIONS_MAX];
    in->ids = rw_alloc_array(ids_max, sizeof *in->ids);
    rw_assert(in->ids != NULL);
    in->n_tokens = parse_numbers(&line, in->ids, ids_max);
    line = strchr(line, '|');
    rw_assert(line != NULL);
    line++;
    in->n_steps = parse_numbers(&line, positions, POSITIONS_MAX);
    in->n_scored_steps = in->n_steps;
    in->steps = rw_alloc_zero(in->n_steps, sizeof *in->steps);
    rw_assert(in->steps != NULL && in->n_steps > 0);
    for (uint32_t i = 0; i < in->n_steps; i++) {
        in->steps[i].position = (uint32_t)positions[i];
    }
    in->outcome_position = (uint32_t)positions[in->n_steps - 1];
}

static size_t read_traces(const struct rw_model *model)
{
    char *line = rw_alloc(LINE_MAX_BYTES);
    rw_assert(line != NULL);
    size_t n = 0;
    while (n < TRACES_MAX && fgets(line, LINE_MAX_BYTES, stdin) != NULL) {
        parse_line(line, &inputs[n]);
        specs[n] = (struct rw_job_spec){.model = model, .input = &inputs[n], .stop_below = NAN};
        n++;
    }
    rw_free(line);
    return n;
}

static void await_all(struct rw_engine *engine, size_t n)
{
    size_t final = 0;
    while (final < n) {
        struct rw_job *changed[16];
        size_t k = rw_engine_poll(engine, changed, 16);
        for (size_t i = 0; i < k; i++) {
            struct rw_job_view view;
            rw_job_view(changed[i], &view);
            final += view.state != RW_JOB_QUEUED && view.state != RW_JOB_RUNNING;
        }
        if (k == 0) {
            poll(NULL, 0, 1);
        }
    }
}

static void print_job(const struct rw_job *job)
{
    struct rw_job_view view;
    rw_job_view(job, &view);
    if (view.state != RW_JOB_DONE) {
        printf("error %s: %s\n", rw_status_code(view.error.status), view.error.message);
        return;
    }
    const struct rw_score *scores = rw_job_scores(job);
    for (uint32_t i = 0; i < view.scores_ready; i++) {
        printf("%s%.9g %.9g", i > 0 ? " " : "", (double)scores[i].raw, (double)scores[i].reward);
    }
    printf("\n");
}

static int score(struct rw_engine *engine, const struct rw_model *model)
{
    struct rw_error err = {0};
    size_t n = read_traces(model);
    if (rw_engine_submit(engine, specs, n, jobs, &err) != RW_OK) {
        fprintf(stderr, "submit: %s\n", err.message);
        return 1;
    }
    await_all(engine, n);
    for (size_t i = 0; i < n; i++) {
        print_job(jobs[i]);
        rw_job_release(engine, jobs[i]);
        rw_free(inputs[i].ids);
        rw_free(inputs[i].steps);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: %s DIR auto|f32|bf16 THREADS CHUNK_TOKENS [KERNEL]\n", argv[0]);
        return 2;
    }
    struct rw_error err = {0};
    struct rw_engine_options options = {
        .threads = (unsigned)strtoul(argv[3], NULL, 10),
        .chunk_tokens = (uint32_t)strtoul(argv[4], NULL, 10),
        .kernel = argc > 5 ? argv[5] : NULL,
    };
    struct rw_engine *engine;
    const struct rw_model *model;
    if (rw_engine_create(&options, &engine, &err) != RW_OK) {
        fprintf(stderr, "engine: %s\n", err.message);
        return 1;
    }
    struct rw_model_options model_options = {.dir = argv[1]};
    model_options.dtype = strcmp(argv[2], "f32") == 0    ? RW_WEIGHTS_F32
                          : strcmp(argv[2], "bf16") == 0 ? RW_WEIGHTS_BF16
                                                         : RW_WEIGHTS_AUTO;
    int rc = 1;
    if (rw_engine_load(engine, &model_options, &model, &err) == RW_OK) {
        rc = score(engine, model);
    } else {
        fprintf(stderr, "load: %s: %s\n", rw_status_code(err.status), err.message);
    }
    rw_engine_destroy(engine);
    return rc;
}
