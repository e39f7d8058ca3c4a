-- What every task of luaws's own begins with: the call of a handler's method. Done in Lua, so that
-- looking a method up is protected like calling it, and sees what the handler has at that moment.
-- The functions' names are known to src/script/vm.c.

local native = ... -- what is done in C: checks of what handlers answer, copies for other workers

local target = require "luaws.target"

local calls = {}

-- Tail calls, so that tracebacks end with "in main chunk".
function calls.main(code, script, ...)
  if code and not script then return code(...) end
  if code then code(...) end
  if script then return script(...) end
end

-- No tail call: `data` must stay while the method runs, since C knows that string to be valid UTF-8
-- (text in src/script/task.h).
function calls.message(ws, handler, event, data)
  event.data = data
  handler:onMessage(ws, event)
end

function calls.connection(wss, handler, event)
  return native.checkConnection(handler:onConnection(wss, event))
end

function calls.request(web, handler, event)
  return native.checkResponse(handler:onRequest(web, event))
end

function calls.open(subject, handler, event)
  if handler.onOpen ~= nil then handler:onOpen(subject, event) end
end

function calls.drain(ws, handler, event)
  if handler.onDrain ~= nil then handler:onDrain(ws, event) end
end

function calls.reload(ws, handler, event)
  if handler.onReload ~= nil then handler:onReload(ws, event) end
end

function calls.terminate(subject, handler, event)
  if handler.onTerminate ~= nil then handler:onTerminate(subject, event) end
end

function calls.error(subject, handler, event)
  if handler.onError ~= nil then handler:onError(subject, event) end
end

-- The server's handler stands in for a connection's that has no onError.
function calls.connectionError(ws, handler, event)
  if handler.onError ~= nil then
    handler:onError(ws, event)
  else
    event.connection = ws
    calls.error(ws.wss, ws.wss.handler, event)
  end
end

-- luaws.onError stands in for a client's that has no onError.
function calls.clientError(ws, handler, event, luaws)
  if handler.onError ~= nil then
    handler:onError(ws, event)
  else
    calls.failed(event, luaws)
  end
end

-- luaws stands where handlers do, so that its name is in the headline of an error.
function calls.failed(event, luaws)
  if luaws.onError ~= nil then luaws.onError(event) end
end

-- A call from another worker. `job` is C's.
function calls.called(name, job)
  return target.find(name)(native.takeArguments(job))
end

-- The same, which is answered.
function calls.asked(name, job)
  native.answer(job, xpcall(calls.called, native.boxError, name, job))
end

return calls
