/* The kernels for AArch64 with integer dot products (Armv8.2). bfloat16 is widened (wide.inc.h). */
#define RW_KERNELS_NAME  "neon-dotprod"
#define RW_KERNELS_TABLE rw_kernels_neon_dotprod

#include "core/kernels/neon.inc.h"

#include "core/kernels/neon_dot.inc.h"

#include "core/kernels/algorithm.inc.h"
