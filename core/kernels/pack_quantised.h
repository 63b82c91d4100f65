/* Inside core/kernels only: rows of INT8 and Q4 panels. */
#ifndef RW_KERNELS_PACK_QUANTISED_H
#define RW_KERNELS_PACK_QUANTISED_H

#include "core/kernels/kernels.h"

/* See rw_linear_pack_row and rw_linear_unpack_row. */
void rw_pack_quantised_int8(struct rw_linear *linear, uint32_t out_index, const float *w);
void rw_pack_quantised_q4(struct rw_linear *linear, uint32_t out_index, const float *w);
void rw_pack_quantised_undo(const struct rw_linear *linear, uint32_t out_index, float *w);

#endif
