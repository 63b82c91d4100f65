/* Inside core/kernels only: the tables of the ISA files. Which of them exist in a build is decided
 * by meson.build; which of those may run is decided by pick.c. */
#ifndef RW_KERNELS_TABLES_H
#define RW_KERNELS_TABLES_H

#include "core/kernels/kernels.h"

extern const struct rw_kernels rw_kernels_generic;
extern const struct rw_kernels rw_kernels_avx2;
extern const struct rw_kernels rw_kernels_avx512;
extern const struct rw_kernels rw_kernels_avx512_vnni;
extern const struct rw_kernels rw_kernels_avx512_bf16;
extern const struct rw_kernels rw_kernels_amx;
extern const struct rw_kernels rw_kernels_neon;
extern const struct rw_kernels rw_kernels_neon_dotprod;
extern const struct rw_kernels rw_kernels_neon_bf16;
extern const struct rw_kernels rw_kernels_neon_i8mm;

#endif
