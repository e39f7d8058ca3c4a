#ifndef ESTIMATOR_H
#define ESTIMATOR_H

// The thread of --estimate, between cli/estimate.c, which measures, and the worker that is
// measured. Main thread, but for estimator_answer and estimator_abandon.

#include "cli/options.h"
#include "mailbox/mailbox.h"

struct estimator;
struct survey;

struct estimator *estimator_new(const struct options *options);
void estimator_free(struct estimator *e); // NULL is fine

// Starts to measure `worker`. `on_done` is called in the estimator's thread, at its end. 0, or a
// negative errno: the thread can't be started.
int estimator_start(struct estimator *e, struct mailbox *worker, void (*on_done)(void *context),
                    void *context);

// The process's exit code, as far as it is the estimate's. Only after estimator_abandon or on_done.
int estimator_join(struct estimator *e);

// Any thread: the worker's survey, which is taken over; the worker has ended.
void estimator_answer(struct estimator *e, struct survey *survey);
void estimator_abandon(struct estimator *e);

#endif
