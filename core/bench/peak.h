/* Operations per second when everything stays in registers: the ceiling that kernels are compared
 * with. Independent chains of one instruction, on all members of a team at the same time, because
 * two processors of a virtual machine may be one core. */
#ifndef RW_BENCH_PEAK_H
#define RW_BENCH_PEAK_H

#include "core/kernels/kernels.h"
#include "core/kernels/team.h"

enum rw_peak {
    RW_PEAK_F32,  /* fused multiply-add on floats */
    RW_PEAK_BF16, /* tdpbf16ps or vdpbf16ps */
    RW_PEAK_INT8, /* tdpbusd or vpdpbusd */
    RW_PEAK_COUNT,
};

const char *rw_peak_name(enum rw_peak peak); /* "f32", "bf16", "int8" */

/* The ceiling of linears of a type; Q4 is expanded to INT8. */
enum rw_peak rw_peak_of(enum rw_dtype dtype);

/* Of the whole team, with the instruction that the table named `kernel` uses; multiply and add
 * counted as two. 0 when the table has none of its own for the type: it widens to float. About
 * 20 ms. Where another process takes a processor away, the CPU time of each member counts, not the
 * time on the wall. */
double rw_peak_measure(enum rw_peak peak, const char *kernel, struct rw_team *team);

#endif
