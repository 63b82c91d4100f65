#include "server/access.h"

#include <strings.h>

#include "server/http/authority.h"

static bool listed(const struct rw_text_list *list, struct rw_str text)
{
    for (size_t i = 0; i < list->n; i++) {
        size_t len = strlen(list->items[i]);
        if (strcmp(list->items[i], "*") == 0 ||
            (len == text.len && strncasecmp(list->items[i], text.ptr, len) == 0)) {
            return true;
        }
    }
    return false;
}

/* A name of ours. `network`: the listener is reachable from other machines anyway. */
static bool own_name(const struct rw_service *s, struct rw_str text, bool network)
{
    struct rw_authority authority;
    if (!rw_authority_parse(text, &authority)) {
        return false;
    }
    bool address = authority.kind == RW_HOST_IPV4 || authority.kind == RW_HOST_IPV6;
    return rw_authority_is_loopback(&authority) || (network && address) ||
           listed(&s->options->allow_host, authority.host);
}

/* "http://host:port" without a path. */
static struct rw_str authority_of_origin(struct rw_str origin)
{
    size_t at = rw_str_find(origin, RW_STR("://"), 0);
    return rw_str_slice(origin, at < origin.len ? at + 3 : at, origin.len);
}

static bool same_authority(struct rw_str a, struct rw_str b)
{
    return a.len > 0 && a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

static bool network_of(const struct rw_exchange *ex)
{
    return (rw_exchange_via(ex) & (RW_VIA_NETWORK | RW_VIA_METRICS)) != 0;
}

static rw_status check_origin(const struct rw_service *s, const struct rw_exchange *ex,
                              struct rw_error *err)
{
    struct rw_str origin = rw_exchange_header(ex, RW_HEADER_ORIGIN);
    struct rw_str host = rw_exchange_header(ex, RW_HEADER_HOST);
    if (origin.ptr == NULL || ex->cors) {
        return RW_OK;
    }
    struct rw_str page = authority_of_origin(origin);
    bool own = s->auth.n > 0 ? same_authority(page, host) : own_name(s, page, network_of(ex));
    if (own) {
        return RW_OK;
    }
    rw_fail(err, RW_FORBIDDEN, "a page of another origin may not use this server");
    rw_error_hint(err, "--allow-origin lets one in");
    return RW_FORBIDDEN;
}

static rw_status check_host(const struct rw_service *s, const struct rw_exchange *ex,
                            struct rw_error *err)
{
    struct rw_str host = rw_exchange_header(ex, RW_HEADER_HOST);
    bool open = ex->route != NULL && ex->route->open;
    bool metrics = (rw_exchange_via(ex) & RW_VIA_METRICS) != 0;
    if (open || (s->auth.n > 0 && !metrics) || host.ptr == NULL ||
        (rw_exchange_via(ex) & RW_VIA_UNIX) != 0 || own_name(s, host, network_of(ex))) {
        return RW_OK; /* without a Host it is HTTP/1.0, and no browser */
    }
    rw_fail(err, RW_MISDIRECTED, "this server does not go by the name \"%.*s\"", RW_STR_ARG(host));
    rw_error_hint(err, "--allow-host NAME lets a name in; with an API key any name serves");
    return RW_MISDIRECTED;
}

void rw_access_note_page(const struct rw_service *service, struct rw_exchange *ex)
{
    struct rw_str origin = rw_exchange_header(ex, RW_HEADER_ORIGIN);
    ex->cors = origin.ptr != NULL && listed(&service->options->allow_origin, origin);
}

rw_status rw_access_check(const struct rw_service *service, const struct rw_exchange *ex,
                          struct rw_error *err)
{
    rw_status status = check_origin(service, ex, err);
    return status == RW_OK ? check_host(service, ex, err) : status;
}

bool rw_access_is_preflight(const struct rw_service *service, const struct rw_exchange *ex)
{
    struct rw_str origin = rw_exchange_header(ex, RW_HEADER_ORIGIN);
    return rw_str_is(ex->in->request.method, "OPTIONS") && origin.ptr != NULL &&
           rw_exchange_header(ex, RW_HEADER_PREFLIGHT_METHOD).ptr != NULL &&
           listed(&service->options->allow_origin, origin);
}
