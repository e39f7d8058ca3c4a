// The dispatcher. Runs in the Lua thread.

#include "script/dispatch.h"

#include "base/log.h"
#include "script/ask.h"
#include "script/websocket.h"
#include "script/connection.h"
#include "script/console.h"
#include "script/job.h"
#include "script/survey.h"
#include "script/task.h"
#include "script/vm.h"
#include "script/vote.h"
#include "script/webserver.h"
#include "script/wss.h"

static void dispatch_message(struct runtime *rt, const struct record *record) {
  struct link *link = link_find(rt, record->id);
  if (link)
    link_on_message(rt, link, record);
  else // destroyed or refused meanwhile
    rt->outgoing[event_handle_reactor(record->id)].consumed += EVENT_COST(record->length);
}

static void dispatch_to_link(struct runtime *rt, const struct record *record) {
  struct link *link = link_find(rt, record->id);
  if (link) link_on_event(rt, link, record);
}

static void dispatch_late(struct runtime *rt, const struct record *record) {
  struct link *link = link_find(rt, record->id);
  if (link) connection_on_late(rt, connection_of(link));
}

// What the connection's handler has answered so far stands before it.
static void dispatch_closing(struct runtime *rt, const struct record *record) {
  struct outgoing *o = &rt->outgoing[event_handle_reactor(record->id)];
  batch_push(&o->batch, COMMAND_FINISH, record->id, 0);
}

static void dispatch_error(struct runtime *rt, const struct record *record) {
  struct link *link = link_find(rt, record->id);
  if (!link) return;
  bool is_slow = record->flags & EVENT_SLOW;
  if (!is_slow || link_note_slow(link)) link_on_event(rt, link, record);
}

static void dispatch_to_wss(struct runtime *rt, const struct record *record) {
  struct wss *wss = wss_find(rt, record->id);
  if (!wss) return;
  if (record->type == EVENT_SERVER_CLOSED)
    wss_on_closed(rt, wss);
  else
    wss_note_closing(wss);
}

static void dispatch(struct runtime *rt, const struct record *record) {
  switch ((enum event_type)record->type) {
  case EVENT_MESSAGE: dispatch_message(rt, record); return;
  case EVENT_CONNECT: connection_on_connect(rt, record); return;
  case EVENT_DIALED: websocket_on_dialed(rt, record); return;
  case EVENT_ANSWER_LATE: dispatch_late(rt, record); return;
  case EVENT_OPENED:
  case EVENT_DRAIN:
  case EVENT_CLOSED: dispatch_to_link(rt, record); return;
  case EVENT_CLOSING: dispatch_closing(rt, record); return;
  case EVENT_ERROR: dispatch_error(rt, record); return;
  case EVENT_REQUEST: webserver_on_request(rt, record); return;
  case EVENT_REQUEST_LATE: log_warn("onRequest has not answered in time: 503"); return;
  case EVENT_WEB_STOPPED: webserver_on_stopped(rt, record->id); return;
  case EVENT_SERVER_CLOSING:
  case EVENT_SERVER_CLOSED: dispatch_to_wss(rt, record); return;
  case EVENT_STOP:
    runtime_stop(rt, ((const struct event_stop *)record->payload)->exit_code);
    return;
  case EVENT_HANGUP:
    webserver_on_hangup(rt, ((const struct event_hangup *)record->payload)->number);
    return;
  case EVENT_RELOAD: vote_on_reload(rt, record->id); return;
  case EVENT_CALL: job_on_call(rt, record); return;
  case EVENT_ANSWER: ask_on_answer(rt, record); return;
  case EVENT_KILL: job_on_kill(rt); return;
  case EVENT_SURVEY: survey_tell(rt); return;
  case EVENT_CONSOLE: console_on_request(rt, record); return;
  case EVENT_REPLY: return; // runtime_call has had it
  }
}

void dispatch_block(struct runtime *rt, struct block *block) {
  unsigned left = rt->tick_after;
  for (struct record *r = record_first(block); r; r = record_next(block, r)) {
    dispatch(rt, r);
    if (!list_empty(&rt->held)) link_run_held(rt);
    if (!list_empty(&rt->ready)) task_run_ready(rt);
    if (rt->collected) vm_relax_collector(rt);
    if (--left > 0) continue;
    runtime_tick(rt);
    left = rt->tick_after;
  }
}
