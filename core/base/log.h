/* One line per event on standard error: logfmt by default, JSON on request. Never prompt or step
 * text, never a key. Any thread may log; a line is written with one write(2).
 * Nobody waits for a reader of the log: lines that it has no room for are lost and counted, in a
 * line of their own (`event=log lines_lost=N`) before the next. */
#ifndef RW_BASE_LOG_H
#define RW_BASE_LOG_H

#include <stdbool.h>

enum rw_log_level {
    RW_LOG_DEBUG,
    RW_LOG_INFO,
    RW_LOG_WARN,
    RW_LOG_ERROR,
    RW_LOG_OFF
};

/* Before threads exist. */
void rw_log_configure(enum rw_log_level least, bool json);

/* In JSON every pair is a member of its own; a value that looks like a number is one.
 * event: short snake_case word; format: `key=value key2="..."` pairs of the caller. */
void rw_log(enum rw_log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
