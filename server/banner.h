/* What the daemon says on standard output when it is ready: models, addresses, a line to try. */
#ifndef RW_SERVER_BANNER_H
#define RW_SERVER_BANNER_H

#include <stdint.h>

#include "server/http/listener.h"
#include "server/service.h"

/* In JSON mode also as an event of the log. `took_ns`: since the start. */
void rw_banner_print(const struct rw_service *service, const struct rw_listeners *listeners,
                     uint64_t took_ns);

#endif
