/* What can be asked without scoring. */
#ifndef RW_SERVER_INFO_H
#define RW_SERVER_INFO_H

struct rw_service;
struct rw_exchange;

void rw_info_options(struct rw_service *service, struct rw_exchange *ex);
void rw_info_root(struct rw_service *service, struct rw_exchange *ex);
void rw_info_livez(struct rw_service *service, struct rw_exchange *ex);
void rw_info_readyz(struct rw_service *service, struct rw_exchange *ex);
void rw_info_metrics(struct rw_service *service, struct rw_exchange *ex);
void rw_info_models(struct rw_service *service, struct rw_exchange *ex);
void rw_info_openapi(struct rw_service *service, struct rw_exchange *ex);

#endif
