#include "core/shortcut/signal.h"

#include "core/base/assert.h"

static const struct {
    const char *name;
    bool low; /* the low tail is suspicious */
} SIGNALS[] = {
#define LOW                      true
#define HIGH                     false
#define XX(id, text, tail, tier) [RW_SIGNAL_##id] = {text, tail},
    RW_SIGNAL_MAP(XX)
#undef XX
#undef LOW
#undef HIGH
};

const char *rw_signal_name(enum rw_signal_id id)
{
    rw_assert(id >= 0 && id < RW_SIGNALS);
    return SIGNALS[id].name;
}

double rw_signal_strangeness(enum rw_signal_id id, double value)
{
    rw_assert(id >= 0 && id < RW_SIGNALS);
    return SIGNALS[id].low ? -value : value;
}
