/* The options of `rewardd bench`. Internal to bench_*.c. */
#ifndef RW_SERVER_COMMANDS_BENCH_OPTIONS_H
#define RW_SERVER_COMMANDS_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

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

#endif
