/* The kernels of one instruction set: the same text for all of them, compiled once per ISA file.
 * The including file has defined RW_VL, RW_TILE_VECS, RW_KERNELS_NAME, RW_KERNELS_TABLE and the
 * primitives listed in vector.inc.h. */
#include <math.h>

#include "core/base/assert.h"
#include "core/kernels/layout.h"
#include "core/kernels/tables.h"

#include "core/kernels/math.inc.h"
#include "core/kernels/tiles.inc.h"

#include "core/kernels/gemm.inc.h"

#include "core/kernels/rows.inc.h"

#include "core/kernels/heads.inc.h"

#include "core/kernels/attention.inc.h"

const struct rw_kernels RW_KERNELS_TABLE = {
    .name = RW_KERNELS_NAME,
    .gemm = kernel_gemm,
    .gemm_scratch_bytes = kernel_gemm_scratch_bytes,
    .rms_norm = kernel_rms_norm,
    .rms_norm_f32 = kernel_rms_norm_f32,
    .turn_heads = kernel_turn_heads,
    .to_act = kernel_to_act,
    .quantise = kernel_quantise,
    .kv_store = kernel_kv_store,
    .attention = kernel_attention,
    .attention_scratch_bytes = kernel_attention_scratch_bytes,
    .dot = kernel_dot,
};
