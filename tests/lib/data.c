#include "tests/lib/data.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/file.h"

enum {
    FILE_BYTES_MAX = 256 * 1024 * 1024,
    EXIT_SKIPPED = 77, /* by the convention of automake, which meson follows */
};

/* Shared with the children that check runs every test in. */
static int *skipped;

__attribute__((constructor)) static void share_skipped(void)
{
    skipped =
        mmap(NULL, sizeof *skipped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    rw_assert(skipped != MAP_FAILED);
}

int rw_test_exit(int failed)
{
    return failed > 0 ? 1 : *skipped > 0 ? EXIT_SKIPPED : 0;
}

static void join(const char *dir, const char *name, char path[RW_TEST_PATH_MAX])
{
    int n = snprintf(path, RW_TEST_PATH_MAX, "%s/%s", dir, name);
    rw_assert(n > 0 && n < RW_TEST_PATH_MAX);
}

void rw_test_source_path(const char *relative, char path[RW_TEST_PATH_MAX])
{
    join(RW_TEST_SOURCE_ROOT, relative, path);
}

bool rw_test_data_path(const char *relative, char path[RW_TEST_PATH_MAX])
{
    const char *root = getenv("REWARDD_DATA");
    join(RW_TEST_SOURCE_ROOT "/tests/vectors", relative, path);
    if (access(path, R_OK) == 0) {
        return true;
    }
    if (root != NULL && root[0] != '\0') {
        join(root, relative, path);
    } else {
        join(RW_TEST_SOURCE_ROOT "/../shared/data", relative, path);
    }
    if (access(path, R_OK) != 0) {
        printf("SKIPPED: no test data %s (set REWARDD_DATA)\n", relative);
        (*skipped)++;
        return false;
    }
    return true;
}

struct rw_str rw_test_read(const char *path, struct rw_arena *arena)
{
    struct rw_str text;
    struct rw_error err;
    rw_status status = rw_file_read_all(path, FILE_BYTES_MAX, arena, &text, &err);
    rw_assert(status == RW_OK);
    return text;
}

void rw_test_dir_make(char path[RW_TEST_PATH_MAX])
{
    const char *parent = getenv("TMPDIR");
    if (parent == NULL) { /* memory, where there is such: mutation tests write 25,000 files */
        parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    }
    join(parent, "rewardd-test-XXXXXX", path);
    rw_assert(mkdtemp(path) != NULL);
}

void rw_test_dir_remove(const char *path)
{
    DIR *dir = opendir(path);
    rw_assert(dir != NULL);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char file[RW_TEST_PATH_MAX];
        join(path, entry->d_name, file);
        if (entry->d_type != DT_DIR) {
            unlink(file);
        }
    }
    closedir(dir);
    rmdir(path);
}

void rw_test_write(const char *dir, const char *name, const void *bytes, size_t len)
{
    char path[RW_TEST_PATH_MAX];
    join(dir, name, path);
    FILE *file = fopen(path, "wb");
    rw_assert(file != NULL);
    size_t written = len > 0 ? fwrite(bytes, 1, len, file) : 0;
    rw_assert(written == len);
    int rc = fclose(file);
    rw_assert(rc == 0);
}
