#ifndef SCRIPT_SURVEY_H
#define SCRIPT_SURVEY_H

// EVENT_SURVEY. Lua thread.

#include "script/runtime.h"

// Collects all garbage and tells worker_options.on_survey what there is.
void survey_tell(struct runtime *rt);

#endif
