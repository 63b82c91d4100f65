#include "core/kernels/processors.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/util.h"
#include "core/kernels/team.h"

enum {
    PATH_BYTES_MAX = 1024,
    MEMBERSHIP_BYTES_MAX = 16384,
    CPUS_MAX = 65536,
};

/* Files of procfs and cgroupfs have no size in advance. Returns false when unreadable or empty. */
static bool read_text(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t len = fread(out, 1, size - 1, file);
    fclose(file);
    out[len] = '\0';
    return len > 0;
}

static bool read_number(const char *directory, const char *name, long long *out)
{
    char path[PATH_BYTES_MAX + 64];
    char text[64];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (!read_text(path, text, sizeof text)) {
        return false;
    }
    char *end;
    *out = strtoll(text, &end, 10);
    return end != text;
}

static unsigned whole_processors(long long quota_us, long long period_us)
{
    if (quota_us <= 0 || period_us <= 0) {
        return UINT_MAX;
    }
    long long whole = quota_us / period_us;
    if (whole < 1) {
        return 1;
    }
    return whole < UINT_MAX ? (unsigned)whole : UINT_MAX;
}

/* cgroup v2: cpu.max holds "quota period" or "max period". */
static unsigned quota_v2(const char *directory)
{
    char path[PATH_BYTES_MAX + 64];
    char text[64];
    snprintf(path, sizeof path, "%s/cpu.max", directory);
    long long quota;
    long long period;
    if (!read_text(path, text, sizeof text) || sscanf(text, "%lld %lld", &quota, &period) != 2) {
        return UINT_MAX;
    }
    return whole_processors(quota, period);
}

/* cgroup v1: two files, quota -1 when unlimited. */
static unsigned quota_v1(const char *directory)
{
    long long quota;
    long long period;
    if (!read_number(directory, "cpu.cfs_quota_us", &quota) ||
        !read_number(directory, "cpu.cfs_period_us", &period)) {
        return UINT_MAX;
    }
    return whole_processors(quota, period);
}

/* Walks from root/path up to root; a path that is not visible from inside a container is skipped by
 * the walk itself. */
static unsigned smallest_quota(const char *root, const char *path,
                               unsigned (*quota)(const char *directory))
{
    char directory[PATH_BYTES_MAX];
    int len = snprintf(directory, sizeof directory, "%s%s", root, path);
    if (len < 0 || (size_t)len >= sizeof directory) {
        return quota(root);
    }
    unsigned least = UINT_MAX;
    size_t root_len = strlen(root);
    while (true) {
        unsigned here = quota(directory);
        least = RW_MIN(here, least);
        char *slash = strrchr(directory, '/');
        if (slash == NULL || (size_t)(slash - directory) < root_len) {
            return least;
        }
        *slash = '\0';
    }
}

/* True when the comma-separated list holds "cpu" as a whole word. */
static bool names_cpu(const char *list)
{
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, "cpu", 3) == 0 && (at[3] == ',' || at[3] == '\0')) {
            return true;
        }
    }
    return false;
}

/* One line "id:controllers:path"; an empty controller list is the v2 hierarchy. */
static unsigned quota_of_line(char *line, const char *mount)
{
    char *controllers = strchr(line, ':');
    char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (path == NULL) {
        return UINT_MAX;
    }
    controllers++;
    *path++ = '\0';
    if (controllers[0] == '\0') {
        return smallest_quota(mount, path, quota_v2);
    }
    if (!names_cpu(controllers)) {
        return UINT_MAX;
    }
    char root[PATH_BYTES_MAX];
    int len = snprintf(root, sizeof root, "%s/%s", mount, controllers);
    if (len < 0 || (size_t)len >= sizeof root) {
        return UINT_MAX;
    }
    return smallest_quota(root, path, quota_v1);
}

unsigned rw_processors_quota(const char *membership, const char *mount)
{
    char text[MEMBERSHIP_BYTES_MAX];
    snprintf(text, sizeof text, "%s", membership);
    unsigned least = UINT_MAX;
    char *line = text;
    while (line != NULL) {
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end++ = '\0';
        }
        unsigned here = quota_of_line(line, mount);
        least = RW_MIN(here, least);
        line = end;
    }
    return least;
}

static unsigned affinity_processors(void)
{
    /* the kernel refuses a mask smaller than its own: grow until it fits */
    for (size_t cpus = 1024; cpus <= CPUS_MAX; cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC(cpus);
        if (set == NULL) {
            break;
        }
        bool known = sched_getaffinity(0, CPU_ALLOC_SIZE(cpus), set) == 0;
        int count = known ? CPU_COUNT_S(CPU_ALLOC_SIZE(cpus), set) : 0;
        CPU_FREE(set);
        if (count > 0) {
            return (unsigned)count;
        }
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

unsigned rw_team_processors(void)
{
    char membership[MEMBERSHIP_BYTES_MAX];
    unsigned count = affinity_processors();
    if (read_text("/proc/self/cgroup", membership, sizeof membership)) {
        unsigned quota = rw_processors_quota(membership, "/sys/fs/cgroup");
        count = RW_MIN(quota, count);
    }
    return count;
}
