/* Version of this build. RW_BUILD_VERSION comes from the top meson.build, RW_COMMIT from git at the
 * time of the build ("unknown" in a tree without one). */
#ifndef RW_SERVER_VERSION_H
#define RW_SERVER_VERSION_H

#ifndef RW_BUILD_VERSION
#define RW_BUILD_VERSION "0.0.0"
#endif

#define RW_VERSION RW_BUILD_VERSION

#ifdef __clang__
#define RW_COMPILER "clang " __clang_version__
#else
#define RW_COMPILER "gcc " __VERSION__
#endif

extern const char RW_COMMIT[]; /* commit.c.in */

#endif
