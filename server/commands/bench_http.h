/* What HTTP, JSON and tokenising cost beside the model: the daemon itself, in a process of its own,
 * asked over loopback by a small client with text of about as many tokens as the bench's traces. */
#ifndef RW_SERVER_COMMANDS_BENCH_HTTP_H
#define RW_SERVER_COMMANDS_BENCH_HTTP_H

#include "core/bench/samples.h"
#include "core/rw_engine.h"
#include "server/commands/bench_options.h"

struct rw_bench_http {
    uint32_t requests;     /* 0: not measured */
    uint32_t tokens;       /* of each trace */
    uint32_t body_bytes;   /* of the last request */
    double seconds;        /* all requests, on RW_BENCH_CONNECTIONS connections */
    double loop_cpu_s;     /* loop thread: HTTP, JSON, tokenising, admission */
    double total_cpu_s;    /* all threads of the daemon */
    double reported_cpu_s; /* usage.cpu_ms of the replies: the compute team */
    struct rw_samples latency_s;
};

enum {
    RW_BENCH_CONNECTIONS = 4,
    RW_BENCH_HTTP_TOKENS_MAX = 2048, /* larger bodies are parsed on other threads */
};

/* How many steps make a trace of at most `tokens` tokens with its prompt; 0 when none does. */
uint32_t rw_bench_http_steps(const struct rw_model *model, uint32_t tokens, uint32_t *tokens_made);

/* `steps` and `requests` from the engine's own measurement. No other thread may exist: forks. */
rw_status rw_bench_http_run(const struct rw_bench_options *options, uint32_t steps,
                            uint32_t requests, struct rw_bench_http *out, struct rw_error *err);

#endif
