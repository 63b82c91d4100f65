#include "server/banner.h"

#include <stdio.h>
#include <string.h>

#include "core/base/log.h"
#include "server/check.h"
#include "server/example.h"
#include "server/version.h"

static void print_agreement(const struct rw_model_info *info)
{
    const struct rw_model_agreement *a = &info->agreement;
    if (a->reads == 0) {
        return;
    }
    printf("         %s against bf16: %u of %u verdicts equal, rewards differ by at most %.3f "
           "(%u tokens, %.0f ms)\n",
           info->dtype, a->equal, a->reads, (double)a->worst, a->tokens, a->ms);
    rw_log(a->equal == a->reads ? RW_LOG_INFO : RW_LOG_WARN, "quantised_agreement",
           "name=%s dtype=%s verdicts_equal=%u of=%u worst=%.4f tokens=%u ms=%.0f", info->name,
           info->dtype, a->equal, a->reads, (double)a->worst, a->tokens, a->ms);
}

static void print_models(const struct rw_service *s)
{
    const struct rw_model *model[RW_SERVER_MODELS_MAX];
    size_t n = rw_bridge_models(s->scoring.bridge, model);
    for (size_t i = 0; i < n; i++) {
        const struct rw_model_info *info = rw_model_info(model[i]);
        char language[64] = "";
        if (info->language_head == RW_LANGUAGE_LOADED) {
            snprintf(language, sizeof language, " (%.1f MB of it the language head)",
                     (double)info->language_head_bytes / 1e6);
        }
        printf(
            "model    %-16s %s reward   %s %.1f MB%s   loaded in %.0f ms   context %u   %s (%s)\n",
            info->name, info->kind == RW_KIND_PROCESS ? "process" : "outcome", info->dtype,
            (double)info->weight_bytes / 1e6, language, info->load_ms, info->context_max,
            info->preset, info->evidence);
        print_agreement(info);
        rw_check_print_date(info->template_date);
        rw_log(RW_LOG_INFO, "model_loaded",
               "name=%s preset=%s evidence=\"%s\" digest=%.12s template_date=%s", info->name,
               info->preset, info->evidence, info->digest,
               info->template_date != NULL ? info->template_date : "none");
    }
}

/* In JSON mode whoever collects standard error wants to know as well. */
static void log_ready(const struct rw_service *s, const struct rw_listeners *all, double ms)
{
    rw_log(RW_LOG_INFO, "ready",
           "version=\"%s\" kernel=\"%s\" threads=%u listen=\"%s\" keys=%zu ms=%.0f", RW_VERSION,
           rw_engine_kernel(rw_bridge_engine(s->scoring.bridge)),
           rw_engine_threads(rw_bridge_engine(s->scoring.bridge)), all->listener[0].url, s->auth.n,
           ms);
}

void rw_banner_print(const struct rw_service *s, const struct rw_listeners *all, uint64_t took_ns)
{
    const struct rw_engine *engine = rw_bridge_engine(s->scoring.bridge);
    double ms = (double)took_ns / 1e6;
    if (strcmp(s->options->log_format, "json") == 0) {
        log_ready(s, all, ms);
    }
    printf("rewardd  %s   kernel %s   %u threads\n", RW_VERSION, rw_engine_kernel(engine),
           rw_engine_threads(engine));
    print_models(s);
    for (size_t i = 0; i < all->n; i++) {
        const struct rw_listener *l = &all->listener[i];
        bool metrics = (l->via & RW_VIA_METRICS) != 0;
        printf("%s   %s   %s\n", metrics ? "metrics" : "listen", l->url,
               metrics         ? "probes and /metrics, no API key"
               : s->auth.n > 0 ? "API key needed"
                               : "no API key");
    }
    printf("config   %s   (--print-config shows every value and its origin)\n",
           s->options->config != NULL ? s->options->config : "no file read");
    printf("try      curl -s %s%s/v1/rewards -H 'Accept: text/plain' %s-d '" RW_EXAMPLE_BODY "'\n",
           s->tls != NULL ? "--cacert CA " : "", all->listener[0].url,
           s->auth.n > 0 ? "-H \"Authorization: Bearer $KEY\" " : "");
    printf("ready in %.0f ms\n", ms);
    fflush(stdout);
}
