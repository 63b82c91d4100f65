/* Runs a fuzz target on every file of the folders given, without a fuzzer: old findings stay found.
 * Each file is also cut at up to 64 places. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "tests/lib/data.h"

enum {
    CUTS_MAX = 64,
    FILE_BYTES_MAX = 4 << 20,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(const char *path)
{
    struct rw_arena arena;
    rw_arena_init(&arena, FILE_BYTES_MAX);
    struct rw_str text = rw_test_read(path, &arena);
    const uint8_t *bytes = (const uint8_t *)text.ptr;
    for (size_t cut = 0; cut < CUTS_MAX; cut++) {
        LLVMFuzzerTestOneInput(bytes, text.len * cut / CUTS_MAX);
    }
    LLVMFuzzerTestOneInput(bytes, text.len);
    rw_arena_fini(&arena);
}

int main(int argc, char **argv)
{
    int files = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        rw_assert(dir != NULL);
        for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
            if (entry->d_name[0] != '.') {
                char path[RW_TEST_PATH_MAX];
                snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
                replay(path);
                files++;
            }
        }
        closedir(dir);
    }
    printf("replayed %d files\n", files);
    return files > 0 ? 0 : 1;
}
