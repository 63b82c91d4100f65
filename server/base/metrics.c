#include "server/base/metrics.h"

const double RW_METRIC_BOUND[RW_METRIC_SCALES][RW_METRIC_BUCKETS] = {
    [RW_METRIC_SECONDS] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20,
                           50, 100, 180},
    [RW_METRIC_REWARD] = {0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95,
                          0.99, 0.999, 1},
    [RW_METRIC_COUNT] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000,
                         100000},
};
const int RW_METRIC_CODE[RW_METRIC_CODES] = {200, 204, 304, 308, 400, 401, 403, 404, 405, 406,
                                             408, 410, 413, 415, 417, 421, 422, 424, 429, 431,
                                             499, 500, 501, 503, 504, 505, 507, 0};

void rw_histogram_add(struct rw_histogram *h, enum rw_metric_scale scale, double value)
{
    const double *bound = RW_METRIC_BOUND[scale];
    size_t i = 0;
    while (i < RW_METRIC_BUCKETS && bound[i] > 0 && value > bound[i]) {
        i++;
    }
    bool beyond = i < RW_METRIC_BUCKETS && bound[i] == 0;
    h->bucket[beyond ? RW_METRIC_BUCKETS : i]++;
    h->count++;
    h->sum += value;
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
