/* What can be asked without scoring. */
#ifndef RW_SERVER_INFO_H
#define RW_SERVER_INFO_H

struct rw_service;
struct rw_exchange;

void rw_handle_options(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_root(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_livez(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_readyz(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_metrics(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_models(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_openapi(struct rw_service *service, struct rw_exchange *ex);

#endif
