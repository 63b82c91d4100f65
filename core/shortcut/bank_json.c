/* The file of a bank: reading and checking it, and writing it. */
#include <math.h>
#include <stdio.h>

#include "core/base/assert.h"
#include "core/base/file.h"
#include "core/io/json.h"
#include "core/shortcut/bank_parts.h"

#define FORMAT_NAME "rewardd-calibration"

enum {
    FORMAT_VERSION = 3,
    PATH_BYTES_MAX = 4096,
    TREE_BYTES_MAX = 1 << 30, /* of the parsed document, while it is read */
    FACTOR_VALUES = RW_SIGNAL_FEATURES * (RW_SIGNAL_FEATURES + 1) / 2,
};

static rw_status bad(struct rw_error *err, const char *what)
{
    return rw_fail(err, RW_MODEL_CORRUPT, "%s is missing or out of range", what);
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool copy_text(const struct rw_json *value, char *to, size_t max)
{
    if (value == NULL || value->type != RW_JSON_STRING || value->text.len >= max) {
        return false;
    }
    memcpy(to, value->text.ptr != NULL ? value->text.ptr : "", value->text.len);
    to[value->text.len] = 0;
    return true;
}

static rw_status read_version(const struct rw_json *root, struct rw_bank *bank,
                              struct rw_error *err)
{
    uint64_t version;
    if (!rw_json_is_string(rw_json_get(root, "format"), FORMAT_NAME)) {
        return bad(err, "format");
    }
    if (!rw_json_u64(rw_json_get(root, "version"), &version) || version != FORMAT_VERSION) {
        return bad(err, "version");
    }
    if (!rw_json_u64(rw_json_get(root, "signals_version"), &version) ||
        version != RW_SIGNALS_VERSION) {
        rw_fail(err, RW_CONFIG, "the calibration bank is of another version of the signals");
        rw_error_hint(err, "rebuild it with rewardd calibrate");
        return RW_CONFIG;
    }
    if (!rw_json_u64(rw_json_get(root, "rows"), &bank->rows) || bank->rows == 0 ||
        bank->rows > RW_BANK_ROWS_MAX) {
        return bad(err, "rows");
    }
    struct rw_bank_version *v = &bank->version;
    bool fine = copy_text(rw_json_get(root, "model"), v->model, sizeof v->model) &&
                copy_text(rw_json_get(root, "outcome"), v->outcome, sizeof v->outcome) &&
                copy_text(rw_json_get(root, "layout"), v->layout, sizeof v->layout) &&
                copy_text(rw_json_get(root, "splitter"), v->splitter, sizeof v->splitter);
    return fine ? RW_OK : bad(err, "model, outcome, layout or splitter");
}

/* Numbers of an array into floats or doubles, finite in that type. */
static bool read_floats(const struct rw_json *array, float *to)
{
    size_t n = 0;
    RW_JSON_EACH (item, array) {
        if (item->type != RW_JSON_NUMBER || !(fabs(item->number) <= 3.4e38)) {
            return false;
        }
        to[n++] = (float)item->number;
    }
    return true;
}

static bool read_doubles(const struct rw_json *array, double *to, size_t n)
{
    if (array == NULL || array->type != RW_JSON_ARRAY || array->count != n) {
        return false;
    }
    RW_JSON_EACH (item, array) {
        if (item->type != RW_JSON_NUMBER || !(fabs(item->number) <= 1e100)) {
            return false;
        }
        *to++ = item->number;
    }
    return true;
}

static bool ascending(const float *values, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (!(values[i] >= values[i - 1])) {
            return false;
        }
    }
    return true;
}

static int signal_by_name(struct rw_str name)
{
    for (int id = 0; id < RW_SIGNALS; id++) {
        if (rw_str_is(name, rw_signal_name((enum rw_signal_id)id))) {
            return id;
        }
    }
    return -1;
}

static rw_status read_bin(const struct rw_json *json, struct rw_bank *bank, struct bank_bin *bin,
                          struct rw_error *err)
{
    if (!rw_json_u64(rw_json_get(json, "bytes_min"), &bin->bytes_min)) {
        return bad(err, "bytes_min");
    }
    const struct rw_json *signals = rw_json_get(json, "signals");
    if (signals == NULL || signals->type != RW_JSON_OBJECT) {
        return bad(err, "signals");
    }
    RW_JSON_EACH (item, signals) {
        int id = signal_by_name(item->key);
        if (id < 0 || item->type != RW_JSON_ARRAY || item->count > bank->rows) {
            return bad(err, "a signal");
        }
        float *values = rw_arena_array(&bank->arena, item->count + 1, sizeof *values);
        if (values == NULL) {
            return rw_fail_memory(err, "a calibration bank");
        }
        if (!read_floats(item, values) || !ascending(values, item->count)) {
            return bad(err, rw_signal_name((enum rw_signal_id)id));
        }
        bin->of[id] = (struct bank_values){.strangeness = values, .n = item->count};
        rw_bank_fit_tail(&bin->of[id]);
    }
    return RW_OK;
}

static rw_status read_domain(const struct rw_json *json, struct rw_bank *bank, struct rw_error *err)
{
    struct bank_domain *domain = &bank->domains[bank->n_domains];
    char tag[RW_BANK_TAG_MAX];
    char group[RW_BANK_TAG_MAX];
    if (!copy_text(rw_json_get(json, "tag"), tag, sizeof tag) ||
        !copy_text(rw_json_get(json, "group"), group, sizeof group) ||
        (bank->n_domains == 0 && tag[0] != 0)) {
        return bad(err, "tag (the first is empty) or group");
    }
    domain->tag = rw_arena_copy(&bank->arena, rw_str_from(tag));
    domain->group = rw_arena_copy(&bank->arena, rw_str_from(group));
    if (domain->tag.ptr == NULL || domain->group.ptr == NULL) {
        return rw_fail_memory(err, "a calibration bank");
    }
    const struct rw_json *bins = rw_json_get(json, "bins");
    if (bins == NULL || bins->type != RW_JSON_ARRAY || bins->count < 1 ||
        bins->count > RW_BANK_BINS_MAX) {
        return bad(err, "bins");
    }
    RW_JSON_EACH (item, bins) {
        struct bank_bin *bin = &domain->bins[domain->n_bins];
        rw_status status = read_bin(item, bank, bin, err);
        if (status != RW_OK) {
            return status;
        }
        if (domain->n_bins == 0 ? bin->bytes_min != 0 : bin->bytes_min <= bin[-1].bytes_min) {
            return bad(err, "bytes_min (from 0, ascending)");
        }
        domain->n_bins++;
    }
    bank->n_domains++;
    return RW_OK;
}

static rw_status read_latent(const struct rw_json *json, struct rw_bank *bank, struct rw_error *err)
{
    struct bank_latent *latent = &bank->latent[bank->n_latent];
    double packed[FACTOR_VALUES];
    char tag[RW_BANK_TAG_MAX];
    const struct rw_json *near = rw_json_get(json, "neighbours");
    if (!copy_text(rw_json_get(json, "tag"), tag, sizeof tag) ||
        (bank->n_latent == 0 && tag[0] != 0) ||
        !read_doubles(rw_json_get(json, "mean"), latent->mean, RW_SIGNAL_FEATURES) ||
        !read_doubles(rw_json_get(json, "factor"), packed, FACTOR_VALUES) || near == NULL ||
        near->type != RW_JSON_ARRAY || near->count == 0 ||
        near->count > (size_t)RW_BANK_NEIGHBOURS_MAX * RW_SIGNAL_FEATURES ||
        near->count % RW_SIGNAL_FEATURES != 0) {
        return bad(err, "latent");
    }
    const double *next = packed;
    for (size_t i = 0; i < RW_SIGNAL_FEATURES; i++) {
        for (size_t j = 0; j <= i; j++) {
            latent->factor[i * RW_SIGNAL_FEATURES + j] = *next++;
        }
        if (!(latent->factor[i * RW_SIGNAL_FEATURES + i] > 1e-30)) {
            return bad(err, "latent.factor (its diagonal is positive)");
        }
    }
    latent->tag = rw_arena_copy(&bank->arena, rw_str_from(tag));
    latent->neighbours = rw_arena_array(&bank->arena, near->count, sizeof(float));
    if (latent->neighbours == NULL || latent->tag.ptr == NULL) {
        return rw_fail_memory(err, "a calibration bank");
    }
    if (!read_floats(near, latent->neighbours)) {
        return bad(err, "latent.neighbours");
    }
    latent->n_neighbours = near->count / RW_SIGNAL_FEATURES;
    bank->n_latent++;
    return RW_OK;
}

static rw_status read_latents(const struct rw_json *list, struct rw_bank *bank,
                              struct rw_error *err)
{
    if (list == NULL || list->type == RW_JSON_NULL) {
        return RW_OK;
    }
    if (list->type != RW_JSON_ARRAY || list->count > RW_BANK_LATENT_MAX) {
        return bad(err, "latent");
    }
    bank->latent = rw_arena_array(&bank->arena, list->count + 1, sizeof *bank->latent);
    if (bank->latent == NULL) {
        return rw_fail_memory(err, "a calibration bank");
    }
    RW_JSON_EACH (item, list) {
        rw_status status = read_latent(item, bank, err);
        if (status != RW_OK) {
            return status;
        }
    }
    return RW_OK;
}

static rw_status read_bank(const struct rw_json *root, struct rw_bank *bank, struct rw_error *err)
{
    rw_status status = read_version(root, bank, err);
    if (status != RW_OK) {
        return status;
    }
    const struct rw_json *domains = rw_json_get(root, "domains");
    if (domains == NULL || domains->type != RW_JSON_ARRAY || domains->count < 1 ||
        domains->count > RW_BANK_DOMAINS_MAX) {
        return bad(err, "domains");
    }
    RW_JSON_EACH (item, domains) {
        status = read_domain(item, bank, err);
        if (status != RW_OK) {
            return status;
        }
    }
    return read_latents(rw_json_get(root, "latent"), bank, err);
}

rw_status rw_bank_parse(struct rw_str text, struct rw_bank **out, struct rw_error *err)
{
    if (text.len > RW_BANK_FILE_MAX) {
        return rw_fail(err, RW_LIMIT_EXCEEDED, "a calibration bank of %zu bytes, at most %d",
                       text.len, RW_BANK_FILE_MAX);
    }
    struct rw_arena tree;
    const struct rw_json *root;
    struct rw_bank *bank;
    rw_status status = rw_bank_new(&bank, err);
    if (status != RW_OK) {
        return status;
    }
    rw_arena_init(&tree, TREE_BYTES_MAX);
    status = rw_json_parse(&tree, text, &root, err);
    if (status == RW_OK) {
        status = read_bank(root, bank, err);
    }
    rw_arena_fini(&tree);
    if (status != RW_OK) {
        rw_bank_free(bank);
        return status;
    }
    rw_assert(rw_bank_is_sound(bank)); /* what is not was refused above */
    *out = bank;
    return RW_OK;
}

rw_status rw_bank_open(const char *dir, struct rw_bank **out, struct rw_error *err)
{
    char path[PATH_BYTES_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", dir, RW_BANK_FILE);
    if (n < 0 || (size_t)n >= sizeof path) {
        return rw_fail(err, RW_IO, "the path of %s is too long", RW_BANK_FILE);
    }
    struct rw_arena arena;
    struct rw_str text;
    rw_arena_init(&arena, RW_BANK_FILE_MAX + 65536);
    rw_status status = rw_file_read_all(path, RW_BANK_FILE_MAX, &arena, &text, err);
    if (status == RW_OK) {
        status = rw_bank_parse(text, out, err);
        if (status != RW_OK) {
            rw_error_prefix(err, RW_BANK_FILE);
        }
    }
    rw_arena_fini(&arena);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Tags and versions may hold any character. */
static void write_text(struct rw_buf *out, const char *key, struct rw_str text)
{
    rw_buf_printf(out, "\"%s\":\"", key);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\') {
            rw_buf_printf(out, "\\%c", c);
        } else if (c < 0x20) {
            rw_buf_printf(out, "\\u%04x", c);
        } else {
            rw_buf_append_char(out, (char)c);
        }
    }
    rw_buf_append(out, "\"", 1);
}

static void write_bin(struct rw_buf *out, const struct bank_bin *bin)
{
    rw_buf_printf(out, "{\"bytes_min\":%llu,\"signals\":{", (unsigned long long)bin->bytes_min);
    bool first = true;
    for (int id = 0; id < RW_SIGNALS; id++) {
        const struct bank_values *values = &bin->of[id];
        if (values->n == 0) {
            continue;
        }
        rw_buf_printf(out, "%s\n\"%s\":[", first ? "" : ",", rw_signal_name((enum rw_signal_id)id));
        first = false;
        for (size_t i = 0; i < values->n; i++) {
            rw_buf_printf(out, "%s%.9g", i > 0 ? "," : "", (double)values->strangeness[i]);
        }
        rw_buf_append(out, "]", 1);
    }
    rw_buf_append(out, "}}", 2);
}

static void write_latent(struct rw_buf *out, const struct bank_latent *latent)
{
    rw_buf_printf(out, "{");
    write_text(out, "tag", latent->tag);
    rw_buf_printf(out, ",\"mean\":[");
    for (size_t i = 0; i < RW_SIGNAL_FEATURES; i++) {
        rw_buf_printf(out, "%s%.17g", i > 0 ? "," : "", latent->mean[i]);
    }
    rw_buf_printf(out, "],\n\"factor\":[");
    for (size_t i = 0; i < RW_SIGNAL_FEATURES; i++) {
        for (size_t j = 0; j <= i; j++) {
            rw_buf_printf(out, "%s%.17g", i > 0 ? "," : "",
                          latent->factor[i * RW_SIGNAL_FEATURES + j]);
        }
    }
    rw_buf_printf(out, "],\n\"neighbours\":[");
    for (size_t i = 0; i < latent->n_neighbours * RW_SIGNAL_FEATURES; i++) {
        rw_buf_printf(out, "%s%.9g", i > 0 ? "," : "", (double)latent->neighbours[i]);
    }
    rw_buf_printf(out, "]}");
}

void rw_bank_write(const struct rw_bank *bank, struct rw_buf *out)
{
    rw_assert(rw_bank_is_sound(bank));
    const struct rw_bank_version *v = &bank->version;
    rw_buf_printf(out, "{\"format\":\"%s\",\"version\":%d,\"signals_version\":%d,\"rows\":%llu,\n",
                  FORMAT_NAME, FORMAT_VERSION, RW_SIGNALS_VERSION, (unsigned long long)bank->rows);
    write_text(out, "model", rw_str_from(v->model));
    rw_buf_append(out, ",", 1);
    write_text(out, "outcome", rw_str_from(v->outcome));
    rw_buf_append(out, ",", 1);
    write_text(out, "layout", rw_str_from(v->layout));
    rw_buf_append(out, ",", 1);
    write_text(out, "splitter", rw_str_from(v->splitter));
    rw_buf_printf(out, ",\n\"domains\":[");
    for (size_t d = 0; d < bank->n_domains; d++) {
        rw_buf_append(out, d > 0 ? ",\n{" : "{", d > 0 ? 3 : 1);
        write_text(out, "tag", bank->domains[d].tag);
        rw_buf_append(out, ",", 1);
        write_text(out, "group", bank->domains[d].group);
        rw_buf_printf(out, ",\"bins\":[");
        for (size_t k = 0; k < bank->domains[d].n_bins; k++) {
            rw_buf_append(out, ",\n", k > 0 ? 2 : 0);
            write_bin(out, &bank->domains[d].bins[k]);
        }
        rw_buf_printf(out, "]}");
    }
    rw_buf_append(out, "]", 1);
    for (size_t i = 0; i < bank->n_latent; i++) {
        rw_buf_printf(out, i == 0 ? ",\n\"latent\":[" : ",\n");
        write_latent(out, &bank->latent[i]);
    }
    rw_buf_append(out, "]", bank->n_latent > 0 ? 1 : 0);
    rw_buf_printf(out, "}\n");
}
