/* The shape of a route. The table itself is router.c's; others reach it through struct rw_service,
 * so that what is counted by route (metrics) stands below what is routed to. */
#ifndef RW_SERVER_ROUTES_H
#define RW_SERVER_ROUTES_H

#include <stdbool.h>

struct rw_buf;
struct rw_error;
struct rw_service;
struct rw_exchange;

struct rw_route {
    const char *methods; /* "GET, HEAD" or "POST" */
    const char *path;    /* one segment may be {id} */
    void (*handle)(struct rw_service *service, struct rw_exchange *ex);
    bool open;    /* no API key needed: probes */
    bool metrics; /* served by --metrics-listen too */
    bool ready;   /* needs loaded models */
    bool body;    /* takes a JSON body */
    bool scoring;
    bool patient;  /* its clients wait for room */
    bool not_json; /* a POST that brings JSON means a later route of the same path */
    /* Its own form of an error; NULL = ours. */
    void (*write_error)(const struct rw_error *error, int http_status, const char *request_id,
                        struct rw_buf *out);
};

#endif
