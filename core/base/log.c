#include "core/base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/util.h"

enum {
    LOG_LINE_MAX = 2048,  /* bytes */
    JSON_LINE_MAX = 4096, /* bytes; what does not fit is cut between escapes */
};

static enum rw_log_level least_level = RW_LOG_INFO;
static bool as_json = false;
static atomic_ulong lost = 0; /* lines that no reader took in time */

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

static size_t put_escaped(char *line, size_t at, const char *text, size_t len)
{
    for (const char *end = text + len; text < end && at < JSON_LINE_MAX - 32; text++) {
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

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Bytes of `key=` at the beginning of text, without the sign; 0 = there is none. */
static size_t key_at(const char *text)
{
    size_t n = 0;
    while (is_key_char(text[n])) {
        n++;
    }
    return text[n] == '=' ? n : 0;
}

/* A quoted value ends at the quote before the next key, or at the last one: values may hold quotes
 * themselves, a caller does not escape them. */
static size_t quoted_len(const char *text)
{
    size_t last = strlen(text);
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] == '"') {
            last = i;
            if (text[i + 1] == ' ' && key_at(text + i + 2) > 0) {
                break;
            }
        }
    }
    return last;
}

/* As JSON has numbers: no sign but minus, no leading zeros, so that ids of digits stay texts. */
static bool is_number(const char *text, size_t len)
{
    size_t i = len > 0 && text[0] == '-' ? 1 : 0;
    size_t dots = 0;
    if (i == len || len > 20 || text[i] < '0' || text[i] > '9' || text[len - 1] == '.' ||
        (text[i] == '0' && i + 1 < len && text[i + 1] != '.')) {
        return false;
    }
    for (; i < len; i++) {
        dots += text[i] == '.' ? 1 : 0;
        if (text[i] != '.' && (text[i] < '0' || text[i] > '9')) {
            return false;
        }
    }
    return dots <= 1;
}

/* The caller's pairs as members; text that is no pair becomes the member "detail". */
static size_t put_members(char *line, size_t at, const char *text)
{
    while (*text != '\0' && at < JSON_LINE_MAX - 128) {
        size_t key = key_at(text);
        bool quoted = key > 0 && text[key + 1] == '"';
        const char *value = key > 0 ? text + key + (quoted ? 2 : 1) : text;
        size_t len = quoted ? quoted_len(value) : key > 0 ? strcspn(value, " ") : strlen(value);
        bool bare = key > 0 && !quoted && is_number(value, len);
        at += (size_t)snprintf(line + at, 80, ",\"%.*s\":%s", key > 0 ? (int)RW_MIN(key, 64U) : 6,
                               key > 0 ? text : "detail", bare ? "" : "\"");
        at = put_escaped(line, at, value, len);
        if (!bare) {
            line[at++] = '"';
        }
        text = value + len;
        text += *text == '"' ? 1 : 0;
        text += strspn(text, " ");
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

/* A pipe that can take anything can take PIPE_BUF bytes, and a line is never longer. */
static bool would_wait(void)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 0;
}

/* A full disk, a closed pipe or a reader that sleeps must not stop scoring: the line is lost, and
 * the next that is taken is preceded by how many were. */
static void put_line(const char *line, size_t n)
{
    if (would_wait()) {
        atomic_fetch_add(&lost, 1);
        return;
    }
    unsigned long missing = atomic_exchange(&lost, 0);
    if (missing > 0) {
        char stamp[40], told[200];
        put_time(stamp, sizeof stamp);
        int len = snprintf(told, sizeof told,
                           as_json ? "{\"time\":\"%s\",\"level\":\"warn\",\"event\":\"log\","
                                     "\"lines_lost\":%lu}\n"
                                   : "%s level=warn event=log lines_lost=%lu\n",
                           stamp, missing);
        if (write(STDERR_FILENO, told, (size_t)len) < 0 || would_wait()) {
            atomic_fetch_add(&lost, 1);
            return;
        }
    }
    ssize_t written = write(STDERR_FILENO, line, n);
    (void)written;
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

    char line[JSON_LINE_MAX];
    char stamp[40];
    put_time(stamp, sizeof stamp);
    size_t n;
    if (as_json) {
        n = (size_t)snprintf(line, 200, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", stamp,
                             LEVEL_NAME[level], event);
        n = put_members(line, n, detail);
        n += (size_t)snprintf(line + n, 3, "}\n");
    } else {
        n = (size_t)snprintf(line, 200, "%s level=%s event=%s ", stamp, LEVEL_NAME[level], event);
        n = put_plain(line, n, detail);
        line[n++] = '\n';
    }
    put_line(line, n);
}
