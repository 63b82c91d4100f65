/* The counters of the daemon as one page in Prometheus text format. Loop thread only. */
#ifndef RW_SERVER_METRICS_PAGE_H
#define RW_SERVER_METRICS_PAGE_H

#include "server/service.h"

void rw_metrics_page_write(struct rw_buf *out, struct rw_service *service);

#endif
