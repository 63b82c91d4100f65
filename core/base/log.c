#include "core/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LOG_LINE_MAX = 2048, /* bytes */
};

static enum rw_log_level least_level = RW_LOG_INFO;
static bool as_json = false;

static const char *const LEVEL_NAME[] = {"debug", "info", "warn", "error", "off"};

void rw_log_configure(enum rw_log_level least, bool json)
{
    least_level = least;
    as_json = json;
}

static size_t put_time(char *line, size_t max)
{
    struct timespec t;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &utc);
    size_t n = strftime(line, max, "%Y-%m-%dT%H:%M:%S", &utc);
    n += (size_t)snprintf(line + n, max - n, ".%03ldZ", t.tv_nsec / 1000000);
    return n;
}

/* JSON form keeps the caller's pairs as one escaped string: one grammar in the code, two on the
 * wire. */
static size_t put_escaped(char *line, size_t at, const char *text)
{
    for (; *text != '\0' && at < LOG_LINE_MAX - 16; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            line[at++] = '\\';
            line[at++] = (char)c;
        } else if (c < 0x20) {
            at += (size_t)snprintf(line + at, 7, "\\u%04x", c);
        } else {
            line[at++] = (char)c;
        }
    }
    return at;
}

/* Control bytes would let text from outside forge a second line. */
static size_t put_plain(char *line, size_t at, const char *text)
{
    for (; *text != '\0' && at < LOG_LINE_MAX - 16; text++) {
        line[at++] = (unsigned char)*text < 0x20 ? ' ' : *text;
    }
    return at;
}

void rw_log(enum rw_log_level level, const char *event, const char *format, ...)
{
    if (level < least_level) {
        return;
    }
    char detail[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);

    char line[LOG_LINE_MAX + 160];
    char stamp[40];
    put_time(stamp, sizeof stamp);
    size_t n;
    if (as_json) {
        n = (size_t)snprintf(line, 200,
                             "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\",\"detail\":\"",
                             stamp, LEVEL_NAME[level], event);
        n = put_escaped(line, n, detail);
        n += (size_t)snprintf(line + n, 4, "\"}\n");
    } else {
        n = (size_t)snprintf(line, 200, "%s level=%s event=%s ", stamp, LEVEL_NAME[level], event);
        n = put_plain(line, n, detail);
        line[n++] = '\n';
    }
    ssize_t written = write(STDERR_FILENO, line, n);
    (void)written; /* a full disk or closed pipe must not stop scoring */
}
