/* What `rewardd bench` prints. Internal to bench_*.c. */
#ifndef RW_SERVER_COMMANDS_BENCH_COMMAND_H
#define RW_SERVER_COMMANDS_BENCH_COMMAND_H

#include <stdio.h>

#include "core/bench/bench.h"
#include "server/commands/bench_options.h"

struct rw_bench_http; /* bench_http.h */

void rw_bench_command_json(const struct rw_bench_options *options,
                           const struct rw_bench_result *result, const struct rw_bench_http *http,
                           FILE *to);
void rw_bench_command_text(const struct rw_bench_options *options,
                           const struct rw_bench_result *result, const struct rw_bench_http *http,
                           FILE *to);

#endif
