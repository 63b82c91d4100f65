/* The three macros that every C program writes, once. Arguments may be evaluated twice: give them
 * no side effects. */
#ifndef RW_BASE_UTIL_H
#define RW_BASE_UTIL_H

#include <stddef.h>
#include <stdint.h>

/* Comparisons with NaN are false: the second argument is what comes out then. */
#define RW_MIN(a, b) ((a) < (b) ? (a) : (b))
#define RW_MAX(a, b) ((a) > (b) ? (a) : (b))

/* Elements of an array; not of a pointer. */
#define RW_COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The struct that `member` of `pointer` lies in. */
#define RW_CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(uintptr_t)(pointer)-offsetof(type, member)))

#endif
