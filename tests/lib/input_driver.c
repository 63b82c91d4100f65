/* rw-input DIR [PRESET]: opens a model package, reads one case per line from stdin, and prints one
 * JSON object per line: ids and positions of the input, or the error. Weights are not read. */
#include <stdlib.h>

#include "core/model/layout.h"
#include "core/model/package.h"
#include "tests/lib/case_json.h"

static void print_input(const struct rw_input *input, bool outcome)
{
    printf("{\"ids\":[");
    for (uint32_t i = 0; i < input->n_tokens; i++) {
        printf("%s%d", i > 0 ? "," : "", input->ids[i]);
    }
    printf("],\"positions\":[");
    for (uint32_t i = 0; !outcome && i < input->n_scored_steps; i++) {
        printf("%s%u", i > 0 ? "," : "", input->steps[i].position);
    }
    if (outcome) {
        printf("%u", input->outcome_position);
    }
    printf("],\"bytes\":[");
    for (uint32_t i = 0; i < input->n_steps; i++) {
        printf("%s[%u,%u]", i > 0 ? "," : "", input->steps[i].byte_begin, input->steps[i].byte_end);
    }
    printf("],\"chars\":[");
    for (uint32_t i = 0; i < input->n_steps; i++) {
        printf("%s[%u,%u]", i > 0 ? "," : "", input->steps[i].char_begin, input->steps[i].char_end);
    }
    printf("],\"tokens\":[");
    for (uint32_t i = 0; i < input->n_steps; i++) {
        printf("%s%u", i > 0 ? "," : "", input->steps[i].tokens);
    }
    printf("],\"prompt_tokens\":%u,\"n_steps\":%u,\"special\":%zu,\"truncated\":%s}\n",
           input->prompt_tokens, input->n_steps, input->special_token_texts,
           input->truncated ? "true" : "false");
}

static void run_line(const struct rw_package *package, struct rw_str line)
{
    struct rw_arena arena;
    struct rw_error err = {0};
    struct rw_trace_source source;
    struct rw_input input;
    const struct rw_json *root;
    rw_arena_init(&arena, (size_t)256 << 20);
    rw_status status = rw_json_parse(&arena, line, &root, &err);
    if (status == RW_OK && !case_read(root, &arena, &source)) {
        status = rw_fail(&err, RW_INVALID_REQUEST, "not a case");
    }
    if (status == RW_OK) {
        status = rw_input_build(package, &source, &arena, &input, &err);
    }
    if (status == RW_OK) {
        print_input(&input, package->recipe.kind == RW_KIND_OUTCOME);
    } else {
        printf("{\"error\":\"%s\",\"param\":\"%s\"}\n", rw_status_code(status), err.param);
        fprintf(stderr, "%s: %s (%s)\n", rw_status_code(status), err.message, err.hint);
    }
    fflush(stdout);
    rw_arena_fini(&arena);
}

int main(int argc, char **argv)
{
    struct rw_package *package;
    struct rw_error err = {0};
    if (argc < 2) {
        fprintf(stderr, "usage: rw-input DIR [PRESET] < cases\n");
        return 2;
    }
    if (rw_package_open(argv[1], argc > 2 ? argv[2] : NULL, &package, &err) != RW_OK) {
        printf("{\"error\":\"%s\",\"param\":\"%s\"}\n", rw_status_code(err.status), err.param);
        fprintf(stderr, "%s: %s (%s)\n", rw_status_code(err.status), err.message, err.hint);
        return 1;
    }
    fprintf(stderr, "preset %s digest %s\n", package->recipe.preset, package->digest);
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    while ((n = getline(&line, &size, stdin)) > 0) {
        run_line(package, (struct rw_str){line, (size_t)n});
    }
    free(line);
    rw_package_close(package);
    return 0;
}
