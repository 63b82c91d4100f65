/* What must hold of options beyond the type of each: words, numbers, addresses, models. */
#include <string.h>

#include "core/base/date.h"
#include "core/base/util.h"
#include "proto/suggest.h"
#include "server/options_parts.h"

static rw_status one_of(const char *name, const char *value, const char *const *words, size_t n,
                        struct rw_error *err)
{
    for (size_t i = 0; value != NULL && i < n; i++) {
        if (strcmp(value, words[i]) == 0) {
            return RW_OK;
        }
    }
    rw_fail(err, RW_CONFIG, "%s: \"%s\" is not a known word", name, value != NULL ? value : "");
    if (value != NULL) {
        rw_suggest(rw_str_from(value), words, n, err);
    }
    return RW_CONFIG;
}

static const char *const DTYPE[] = {"auto", "f32", "bf16", "int8", "q4"};

enum {
    DTYPES = RW_COUNT(DTYPE)
};

bool rw_options_dtype_is_known(struct rw_str value)
{
    for (size_t i = 0; i < DTYPES; i++) {
        if (rw_str_is(value, DTYPE[i])) {
            return true;
        }
    }
    return false;
}

static rw_status check_addresses(struct rw_options *options, const struct rw_text_list *list,
                                 struct rw_error *err)
{
    rw_status status = RW_OK;
    for (size_t i = 0; i < list->n && status == RW_OK; i++) {
        const char *host;
        uint16_t port;
        status = rw_options_fault(
            options, rw_options_address(list->items[i], &options->arena, &host, &port, err), err);
    }
    return status;
}

static rw_status check_words(struct rw_options *options, struct rw_error *err)
{
    static const char *const LEVEL[] = {"info", "debug", "warn", "error", "off"};
    static const char *const FORMAT[] = {"logfmt", "json"};
    static const char *const WHEN[] = {"ready", "start"};
    static const char *const SANDBOX[] = {"auto", "strict", "off"};
    static const char *const ACCESS[] = {"errors", "all", "off"};
    const struct {
        const char *name;
        const char *value;
        const char *const *words;
        size_t n;
    } CHECK[] = {
        {"log-level", options->log_level, LEVEL, RW_COUNT(LEVEL)},
        {"log-format", options->log_format, FORMAT, RW_COUNT(FORMAT)},
        {"access-log", options->access_log, ACCESS, RW_COUNT(ACCESS)},
        {"listen-when", options->listen_when, WHEN, RW_COUNT(WHEN)},
        {"sandbox", options->sandbox, SANDBOX, RW_COUNT(SANDBOX)},
        {"dtype", options->dtype, DTYPE, DTYPES},
    };
    rw_status status = RW_OK;
    for (size_t i = 0; i < RW_COUNT(CHECK) && status == RW_OK; i++) {
        status = rw_options_fault(
            options, one_of(CHECK[i].name, CHECK[i].value, CHECK[i].words, CHECK[i].n, err), err);
    }
    return status;
}

static rw_status check_date(const struct rw_options *options, struct rw_error *err)
{
    struct tm date;
    rw_status status = rw_options_date(options->template_date, &date, err);
    if (status != RW_OK) {
        rw_error_prefix(err, "template-date");
    }
    return status;
}

static rw_status check_numbers(struct rw_options *options, struct rw_error *err)
{
    const struct {
        bool good;
        const char *bounds;
    } CHECK[] = {
        {options->header_max >= 1024 && options->header_max <= (1 << 20),
         "header-max: between 1k and 1M"},
        {options->prepare_threads >= 1 && options->prepare_threads <= 64,
         "prepare-threads: between 1 and 64"},
        {options->threads <= 1024, "threads: at most 1024"},
        {options->chunk_tokens <= UINT32_MAX, "chunk-tokens: far too many"},
    };
    rw_status status = RW_OK;
    for (size_t i = 0; i < RW_COUNT(CHECK) && status == RW_OK; i++) {
        if (!CHECK[i].good) {
            status = rw_options_fault(options, rw_fail(err, RW_CONFIG, "%s", CHECK[i].bounds), err);
        }
    }
    return status;
}

rw_status rw_options_check_values(struct rw_options *options, struct rw_error *err)
{
    rw_status status = check_words(options, err);
    if (status == RW_OK) {
        status = rw_options_fault(options, check_date(options, err), err);
    }
    for (size_t i = 0; i < options->model.n && status == RW_OK; i++) {
        struct rw_model_choice choice;
        status = rw_options_fault(
            options, rw_options_model(options->model.items[i], &options->arena, &choice, err), err);
    }
    if (status == RW_OK) {
        status = check_addresses(options, &options->listen, err);
    }
    if (status == RW_OK) {
        status = check_addresses(options, &options->metrics_listen, err);
    }
    return status == RW_OK ? check_numbers(options, err) : status;
}
