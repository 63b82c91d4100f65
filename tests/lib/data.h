/* Where tests find their files: the shared public data and the repository itself. */
#ifndef RW_TESTS_DATA_H
#define RW_TESTS_DATA_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/arena.h"

enum {
    RW_TEST_PATH_MAX = 4096, /* bytes */
};

/* $REWARDD_DATA/relative, by default ../shared/data beside the repository. False, and a line that
 * begins with "SKIPPED", when there is no such file: the caller returns, and rw_test_exit tells. */
bool rw_test_data_path(const char *relative, char path[RW_TEST_PATH_MAX]);
/* Exit status of a test program: 1 when tests failed, 77 (skipped, to meson) when none did and one
 * found no data, else 0. Tests that need data are tagged "vectors" and run as a test of their own
 * (tests/meson.build), so that one that is skipped takes no other with it. */
int rw_test_exit(int failed);
/* A path inside the source tree. */
void rw_test_source_path(const char *relative, char path[RW_TEST_PATH_MAX]);
/* The whole file; the test fails when it cannot be read. */
struct rw_str rw_test_read(const char *path, struct rw_arena *arena);
/* A fresh folder under $TMPDIR, /dev/shm or /tmp. */
void rw_test_dir_make(char path[RW_TEST_PATH_MAX]);
/* Removes the folder and the plain files in it. */
void rw_test_dir_remove(const char *path);
void rw_test_write(const char *dir, const char *name, const void *bytes, size_t len);

#endif
