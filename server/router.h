/* From a request head to a route, or to a refusal; and what is noted when an exchange has ended. */
#ifndef RW_SERVER_ROUTER_H
#define RW_SERVER_ROUTER_H

#include "server/service.h"

/* Fills handlers for rw_connections_init, and the service's view of the routes. */
void rw_router_init(struct rw_service *service, struct rw_handlers *handlers);

#endif
