/* Which table runs here. On x86-64 the compiler's own CPU check is used because it also asks
 * whether the operating system saves the wide registers. */
#include <string.h>

#include "core/kernels/kernels.h"
#include "core/kernels/tables.h"

#ifdef __x86_64__

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Best first; a processor that runs one runs all that follow it. */
static const struct rw_kernels *const TABLES[] = {
#ifdef RW_HAVE_AMX
    &rw_kernels_amx,
#endif
    &rw_kernels_avx512_bf16, &rw_kernels_avx512_vnni, &rw_kernels_avx512,
    &rw_kernels_avx2,        &rw_kernels_generic,     NULL,
};

enum {
    TABLES_OF_AMX =
#ifdef RW_HAVE_AMX
        1,
#else
        0,
#endif
    TILE_DATA = 18, /* the state component that Linux hands out on request only (5.16 and later) */
    ARCH_REQUEST_PERMISSION = 0x1023,
};

/* Tiles with bfloat16 and int8, and the leave to use them, which all threads of the process share.
 * Without that leave the first tile instruction would end the process. */
static bool amx_usable(void)
{
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
        return false;
    }
    const unsigned needed = 1U << 22 | 1U << 24 | 1U << 25; /* bf16, tile, int8 */
    return (edx & needed) == needed &&
           syscall(SYS_arch_prctl, ARCH_REQUEST_PERMISSION, TILE_DATA) == 0;
}

static size_t first_usable(void)
{
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
    bool bf16 = vnni && __builtin_cpu_supports("avx512bf16");
    if (bf16 && TABLES_OF_AMX == 1 && amx_usable()) {
        return 0;
    }
    return TABLES_OF_AMX + (bf16 ? 0 : vnni ? 1 : avx512 ? 2 : avx2 ? 3 : 4);
}

#elif defined(__aarch64__) && defined(__linux__)

#include <asm/hwcap.h>
#include <sys/auxv.h>

static const struct rw_kernels *const TABLES[] = {
    &rw_kernels_neon_i8mm, &rw_kernels_neon_bf16, &rw_kernels_neon_dotprod,
    &rw_kernels_neon,      &rw_kernels_generic,   NULL,
};

static size_t first_usable(void)
{
    if ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) == 0) {
        return 3;
    }
    unsigned long more = getauxval(AT_HWCAP2);
    if ((more & HWCAP2_BF16) == 0) {
        return 2;
    }
    return (more & HWCAP2_I8MM) != 0 ? 0 : 1;
}

#else

static const struct rw_kernels *const TABLES[] = {&rw_kernels_generic, NULL};

static size_t first_usable(void)
{
    return 0;
}

#endif

const struct rw_kernels *const *rw_kernels_available(void)
{
    return TABLES + first_usable();
}

const struct rw_kernels *rw_kernels_pick(const char *name)
{
    const struct rw_kernels *const *table = rw_kernels_available();
    if (name == NULL) {
        return *table;
    }
    while (*table != NULL && strcmp((*table)->name, name) != 0) {
        table++;
    }
    return *table;
}
