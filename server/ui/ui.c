#include "server/ui/ui.h"

#include <stdio.h>
#include <string.h>

#include "server/http/exchange.h"
#include "server/ui/ui_files.h"

enum {
    HEADERS_MAX = 768, /* bytes */
};

/* Text of traces is hostile: it was written by a policy that is paid for fooling us. No script but
 * our files runs, no text becomes markup (Trusted Types without a policy), nothing is fetched from
 * elsewhere, nobody frames the page (Content Security Policy Level 3). */
#define POLICY                                                                              \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src " \
    "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "                 \
    "require-trusted-types-for 'script'; trusted-types 'none'"

/* `/` and `/ui` are the document; `/ui/NAME` is one of its files. */
static const struct rw_ui_file *find(struct rw_str path)
{
    const struct rw_str folder = RW_STR("/ui/");
    struct rw_str name = rw_str_starts(path, folder) ? rw_str_slice(path, folder.len, path.len)
                                                     : RW_STR("index.html");
    for (size_t i = 0; i < rw_ui_files_count; i++) {
        if (rw_str_is(name, rw_ui_files[i].name)) {
            return &rw_ui_files[i];
        }
    }
    return NULL;
}

/* If-None-Match: a list of tags, weak ones among them, or "*" (RFC 9110, section 13.1.2). */
static bool client_has(const struct rw_exchange *ex, const struct rw_ui_file *file)
{
    struct rw_str tags = rw_exchange_header(ex, RW_HEADER_IF_NONE_MATCH);
    return tags.len > 0 &&
           (rw_str_is(tags, "*") || rw_str_find(tags, rw_str_from(file->tag), 0) < tags.len);
}

void rw_ui_page(struct rw_service *service, struct rw_exchange *ex)
{
    (void)service;
    char headers[HEADERS_MAX];
    struct rw_str target = ex->in->request.target;
    struct rw_str path = rw_str_slice(target, 0, rw_str_find(target, RW_STR("?"), 0));
    if (rw_str_is(path, "/ui/")) { /* the document's links are relative to / */
        rw_exchange_reply(ex, 308, "text/plain; charset=utf-8", RW_STR("the page is at /ui\n"),
                          "Location: ../ui\r\n");
        return;
    }
    const struct rw_ui_file *file = find(path);
    if (file == NULL) {
        struct rw_error err = {0};
        rw_fail(&err, RW_NOT_FOUND, "the page has no such file");
        rw_error_hint(&err, "GET /ui is the page");
        rw_exchange_fail(ex, &err);
        return;
    }
    snprintf(headers, sizeof headers,
             "Cache-Control: no-cache\r\nETag: %s\r\nVary: Accept\r\n"
             "Content-Security-Policy: " POLICY "\r\n"
             "Referrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin\r\n"
             "Cross-Origin-Resource-Policy: same-origin\r\n",
             file->tag);
    if (client_has(ex, file)) {
        rw_exchange_reply_unchanged(ex, headers);
        return;
    }
    rw_exchange_reply(ex, 200, file->type, file->body, headers);
}

bool rw_ui_is_wanted(const struct rw_exchange *ex)
{
    struct rw_str accept = rw_exchange_header(ex, RW_HEADER_ACCEPT);
    return rw_str_find(accept, RW_STR("text/html"), 0) < accept.len;
}
