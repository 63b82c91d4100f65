/* GET /v1/status: what the daemon is doing, in JSON for people and pages; /metrics has the same
 * counters for Prometheus, and histograms besides. */
#ifndef RW_SERVER_STATUS_PAGE_H
#define RW_SERVER_STATUS_PAGE_H

struct rw_service;
struct rw_exchange;

void rw_status_page_reply(struct rw_service *service, struct rw_exchange *ex);

#endif
