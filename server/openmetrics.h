/* A page of the Prometheus text format as OpenMetrics 1.0: the family of a counter is named without
 * its _total, the bounds of buckets are floats ("1.0"), and the end is said. Pure. */
#ifndef RW_SERVER_OPENMETRICS_H
#define RW_SERVER_OPENMETRICS_H

#include "core/base/buf.h"
#include "core/base/str.h"

extern const char RW_OPENMETRICS_TYPE[]; /* for Content-Type */

/* `page`: what metrics_page.c writes. */
void rw_openmetrics_write(struct rw_buf *out, struct rw_str page);

#endif
