/* A model folder of random weights that exists only as a function of the offset in its files.
 *
 * Mounting replaces the process's file table: paths under RW_SYNTHETIC_DIR are made here, all
 * others go to the system. So a shape is loaded by the code that loads real folders, needs no disk,
 * and has the same weights in every run and in every process: `rw_synthetic_write` puts the folder
 * on disk for other engines. Weights are BF16, uniform, of variance 1 / n_in; norms are 1.
 * Threads: mount before any other thread exists. */
#ifndef RW_BENCH_SYNTHETIC_H
#define RW_BENCH_SYNTHETIC_H

#include "core/base/status.h"
#include "core/bench/shape.h"

#define RW_SYNTHETIC_DIR "rewardd-bench:"

rw_status rw_synthetic_mount(const struct rw_bench_shape *shape, struct rw_error *err);
void rw_synthetic_unmount(void);
/* Copies the mounted folder to `dir`, which must exist. */
rw_status rw_synthetic_write(const char *dir, struct rw_error *err);

#endif
