/* Which table runs here. On x86-64 the compiler's own CPU check is used because it also asks
 * whether the operating system saves the wide registers. */
#include <string.h>

#include "core/kernels/kernels.h"
#include "core/kernels/tables.h"

#ifdef __x86_64__

/* Best first; a processor that runs one runs all that follow it. */
static const struct rw_kernels *const TABLES[] = {
    &rw_kernels_avx512_bf16, &rw_kernels_avx512_vnni, &rw_kernels_avx512,
    &rw_kernels_avx2,        &rw_kernels_generic,     NULL,
};

static size_t first_usable(void)
{
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
    if (vnni) {
        return __builtin_cpu_supports("avx512bf16") ? 0 : 1;
    }
    return avx512 ? 2 : avx2 ? 3 : 4;
}

#elif defined(__aarch64__) && defined(__linux__)

#include <asm/hwcap.h>
#include <sys/auxv.h>

static const struct rw_kernels *const TABLES[] = {
    &rw_kernels_neon_bf16, &rw_kernels_neon_dotprod, &rw_kernels_neon, &rw_kernels_generic, NULL,
};

static size_t first_usable(void)
{
    if ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) == 0) {
        return 2;
    }
    return (getauxval(AT_HWCAP2) & HWCAP2_BF16) != 0 ? 0 : 1;
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
