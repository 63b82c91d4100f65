/* `rewardd bench`: its options and what it prints. Internal to bench_*.c. */
#ifndef RW_SERVER_COMMANDS_BENCH_COMMAND_H
#define RW_SERVER_COMMANDS_BENCH_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/bench/bench.h"

struct rw_bench_options {
    const char *shape; /* or */
    const char *model; /* folder */
    const char *dtype;
    const char *kernel;
    const char *write_model; /* put the random folder there and do nothing else */
    uint64_t tokens;
    uint64_t threads;
    uint64_t group;
    uint64_t prompt_tokens; /* 0: four times `tokens` */
    uint64_t runs;
    uint64_t kv_memory; /* MiB */
    uint64_t chunk_tokens;
    bool json;
    bool skip_http;
};

struct rw_bench_http; /* bench_http.h */

void rw_bench_print_json(const struct rw_bench_options *options,
                         const struct rw_bench_result *result, const struct rw_bench_http *http,
                         FILE *to);
void rw_bench_print_text(const struct rw_bench_options *options,
                         const struct rw_bench_result *result, const struct rw_bench_http *http,
                         FILE *to);

#endif
