/* The request that the banner and `/` offer: one trace with a wrong step, which the default models
 * tell apart from the right one before it. */
#ifndef RW_SERVER_EXAMPLE_H
#define RW_SERVER_EXAMPLE_H

#define RW_EXAMPLE_BODY                                                                    \
    "{\"prompt\":\"Anna buys 5 books at $4 each and 3 pens at $2 each. How much does she " \
    "spend?\","                                                                            \
    "\"trace\":[\"The cost of the books is 5 * $4 = $20.\","                               \
    "\"The cost of the pens is 3 * $2 = $9.\"]}"

#endif
