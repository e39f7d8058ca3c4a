// One thread that runs the estimate and waits for the worker's surveys, one at a time.

#include "estimator.h"

#include <stdlib.h>
#include <uv.h>
#include "base/mem.h"
#include "base/survey.h"
#include "cli/estimate.h"
#include "mailbox/batch.h"
#include "mailbox/event.h"

#define PATIENCE_NS (30 * UINT64_C(1000000000)) // for a script that is busy

struct estimator {
  struct estimate_options options; // of the estimator's thread, as are the next four
  struct mailbox *worker;
  void (*on_done)(void *context);
  void *context;
  int exit_code;
  bool has_thread; // main's
  uv_thread_t thread;
  uv_mutex_t mutex; // guards what follows
  uv_cond_t news;
  struct survey *answer;
  bool is_over; // the worker has ended
};

static struct survey *await_survey(void *context);

struct estimator *estimator_new(const struct options *options) {
  struct estimator *e = mem_zalloc(sizeof *e);
  e->options.name = options->script ? options->script : "-e";
  e->options.query = options->query;
  e->options.log_level = options->log_level;
  e->options.survey = await_survey;
  e->options.context = e;
  uv_mutex_init(&e->mutex);
  uv_cond_init(&e->news);
  return e;
}

void estimator_free(struct estimator *e) {
  if (!e) return;
  survey_free(e->answer);
  uv_cond_destroy(&e->news);
  uv_mutex_destroy(&e->mutex);
  mem_free(e);
}

static void run(void *context) {
  struct estimator *e = context;
  e->exit_code = estimate_run(&e->options);
  e->on_done(e->context);
}

int estimator_start(struct estimator *e, struct mailbox *worker, void (*on_done)(void *context),
                    void *context) {
  e->worker = worker;
  e->on_done = on_done;
  e->context = context;
  int status = uv_thread_create(&e->thread, run, e);
  e->has_thread = status == 0;
  return status;
}

int estimator_join(struct estimator *e) {
  if (!e->has_thread) return EXIT_FAILURE;
  uv_thread_join(&e->thread);
  e->has_thread = false;
  return e->exit_code;
}

void estimator_answer(struct estimator *e, struct survey *survey) {
  uv_mutex_lock(&e->mutex);
  survey_free(e->answer);
  e->answer = survey;
  uv_cond_signal(&e->news);
  uv_mutex_unlock(&e->mutex);
}

void estimator_abandon(struct estimator *e) {
  uv_mutex_lock(&e->mutex);
  e->is_over = true;
  uv_cond_signal(&e->news);
  uv_mutex_unlock(&e->mutex);
}

static void ask(struct mailbox *worker) {
  struct batch batch;
  batch_init(&batch, worker);
  batch_push(&batch, EVENT_SURVEY, 0, 0);
  batch_flush(&batch);
  batch_deinit(&batch);
}

static struct survey *await_survey(void *context) {
  struct estimator *e = context;
  ask(e->worker);
  uint64_t end = uv_hrtime() + PATIENCE_NS, now;
  uv_mutex_lock(&e->mutex);
  while (!e->answer && !e->is_over && (now = uv_hrtime()) < end)
    uv_cond_timedwait(&e->news, &e->mutex, end - now);
  struct survey *answer = e->answer;
  e->answer = NULL;
  uv_mutex_unlock(&e->mutex);
  return answer;
}
