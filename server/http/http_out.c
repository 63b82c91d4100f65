#include "server/http/http_out.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/assert.h"
#include "core/base/util.h"

/* Of our own headers, those a page may want to read. */
#define EXPOSED \
    "X-Request-Id, Retry-After, Server-Timing, Allow, ETag, X-Rewardd-Roles, X-Rewardd-Errors"

struct reason {
    int status;
    const char *text;
};

static const struct reason REASON[] = {
    {200, "OK"},
    {204, "No Content"},
    {304, "Not Modified"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {410, "Gone"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

static const char *http_reason(int status)
{
    for (size_t i = 0; i < RW_COUNT(REASON); i++) {
        if (REASON[i].status == status) {
            return REASON[i].text;
        }
    }
    return "Status";
}

/* "Sun, 06 Nov 1994 08:49:37 GMT"; names are fixed by RFC 9110 section 5.6.7, whatever the locale.
 */
static const char *date_now(void)
{
    static const char DAY[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char MONTH[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static _Thread_local time_t made_for = -1;
    static _Thread_local char text[64];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != made_for) {
        struct tm utc;
        gmtime_r(&now.tv_sec, &utc);
        snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", DAY[utc.tm_wday],
                 utc.tm_mday, MONTH[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                 utc.tm_sec);
        made_for = now.tv_sec;
    }
    return text;
}

void rw_http_out_head(struct rw_buf *out, const struct rw_http_head *head)
{
    rw_assert(head->status >= 200 && head->status <= 599);
    rw_buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", head->status, http_reason(head->status),
                  date_now());
    if (head->content_type != NULL) {
        rw_buf_printf(out, "Content-Type: %s\r\n", head->content_type);
    }
    if (head->framing == RW_FRAMING_LENGTH) {
        rw_buf_printf(out, "Content-Length: %llu\r\n", (unsigned long long)head->content_length);
    } else if (head->framing == RW_FRAMING_CHUNKED) {
        rw_buf_append_str(out, RW_STR("Transfer-Encoding: chunked\r\n"));
    }
    if (head->request_id != NULL && head->request_id[0] != '\0') {
        rw_buf_printf(out, "X-Request-Id: %s\r\n", head->request_id);
    }
    if (head->extra == NULL || strstr(head->extra, "Cache-Control:") == NULL) {
        rw_buf_append_str(out, RW_STR("Cache-Control: no-store\r\n"));
    }
    rw_buf_append_str(out, RW_STR("X-Content-Type-Options: nosniff\r\n"));
    if (head->close) {
        rw_buf_append_str(out, RW_STR("Connection: close\r\n"));
    } else if (head->old_keep_alive) {
        rw_buf_append_str(out, RW_STR("Connection: keep-alive\r\n"));
    }
    if (head->allow_origin.len > 0) {
        rw_buf_printf(out,
                      "Access-Control-Allow-Origin: %.*s\r\nVary: Origin\r\n"
                      "Access-Control-Expose-Headers: " EXPOSED "\r\n",
                      RW_STR_ARG(head->allow_origin));
    }
    if (head->extra != NULL) {
        rw_buf_append_str(out, rw_str_from(head->extra));
    }
    rw_buf_append(out, "\r\n", 2);
}
