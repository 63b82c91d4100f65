#include "server/base/metrics.h"

/* Seconds; from a small cached trace to the longest hold of a trainer's request. */
const double RW_METRIC_BOUND[RW_METRIC_BUCKETS] = {0.001, 0.005, 0.01, 0.05, 0.1, 0.25,
                                                   0.5,   1,     2.5,  10,   60,  180};
const int RW_METRIC_CODE[RW_METRIC_CODES] = {200, 204, 400, 401, 403, 404, 405, 406, 408,
                                             413, 415, 417, 421, 422, 424, 429, 431, 499,
                                             500, 501, 503, 504, 505, 507, 0};

void rw_histogram_add(struct rw_histogram *h, double seconds)
{
    size_t i = 0;
    while (i < RW_METRIC_BUCKETS && seconds > RW_METRIC_BOUND[i]) {
        i++;
    }
    h->bucket[i]++;
    h->count++;
    h->sum += seconds;
}

void rw_metrics_request(struct rw_metrics *m, size_t route, int status, bool lost)
{
    size_t code = 0;
    while (code + 1 < RW_METRIC_CODES && RW_METRIC_CODE[code] != status) {
        code++;
    }
    if (lost) {
        m->lost[route]++;
    } else {
        m->requests[route][code]++;
    }
}
