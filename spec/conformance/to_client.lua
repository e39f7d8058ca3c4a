-- The suite's role where a client is judged: it is the server. What a role has to be is in to_server.lua.
--
-- Each connection has a port of its own. target.clients (clients.lua) makes the client connect, and hears of what it
-- tells its program.

local wire = require "probe".wire
local digest = require "spec.support.digest"
local peer = require "spec.support.peer"
local deflate = require "spec.conformance.deflate"

local GRACE = 0.25 -- seconds in which TCP ends once the program has heard of it

local role = { NAME = "client", MASKS = false, LEFT = "TCP was left to the server to end" }

-- Frames

function role.checkMask(t, isMasked)
  if not isMasked then t:fail("a client must mask") end
end

-- Two keys that are the same come once in 2^32.
function role.unmask(t, key, payload)
  if key == t.c.lastKey then t:fail("the same key for two frames in turn") end
  t.c.lastKey = key
  return wire.mask(payload, key)
end

-- A client waits for the server to end TCP (RFC 6455 section 7.1.1), but may end it itself.
function role.endTcp(t)
  if t.c.ended then t:nonStrict("TCP ended (%s) before the server had ended it", t.c.ended) end
  if not t.c.isHalfClosed then t:halfClose() end
end

-- What the client has told its program.
function role.finish(t, code)
  t.c:drop()
  local report = t.report
  if not report:awaitEnd(t:shorten(t.PATIENCE)) then t:fail("its program hears of no end") end
  local isOpen = report.opened > 0
  if t.case.refuses and isOpen and not t.case.mayAccept then t:fail("its program is told of an opening") end
  if not t.case.refuses and not isOpen and not t.case.mayRefuse then t:fail("its program is told of no opening") end
  if code and isOpen and report.code ~= code then t:fail("its program is told %d, not %d", report.code, code) end
  if t.case.told and report.protocol ~= t.case.told then t:fail("its program is told of %s", report.protocol) end
end

-- The opening handshake

local function judgeRequest(t)
  local ok, err = pcall(peer.checkRequest, t.request)
  if not ok then
    t:fail("a bad request: %s", tostring(type(err) == "table" and err.message or err):gsub("%s+", " "))
  end
  local keys = t.target.clients.keys
  if keys[t.request.key] then t:fail("the key of an earlier handshake") end
  keys[t.request.key] = true
end

function role.connect(t)
  local listener = peer.listen(t.target.listen)
  t.report = t.target.clients:connect(listener.url .. (t.case.path or "/"), t.case.protocols)
  local ok, c = pcall(listener.accept, listener, t:shorten(t.PATIENCE))
  if not ok then t:fail("it doesn't connect: %s", table.concat(t.report.errors, "; ")) end
  listener:close()
  t.c = c
  ok, t.request = pcall(c.readRequest, c, t:shorten(t.PATIENCE))
  if not ok then t:fail("expected a request in HTTP: %s", tostring(t.request):sub(1, 200)) end
  judgeRequest(t)
end

-- What the case wants of permessage-deflate, as far as the client offers it.
local function choose(t)
  local offer = t.request.headers["sec-websocket-extensions"]
  local wanted = t.case.offer
  if wanted == false then return nil end
  if not wanted and not t.target.compressed then
    if offer then t:fail("an extension is offered that it was told to do without: %s", tostring(offer)) end
    return nil
  end
  local answer, wrong = deflate.choose(offer, wanted or "permessage-deflate")
  if wrong then t:fail("%s", wrong) end
  if wanted and not answer then t:skip("the client doesn't offer what %s takes", wanted) end
  return answer
end

function role.open(t)
  t:connect()
  local agreed = choose(t)
  t:write(t.c:upgradeText(t.request, { ["Sec-WebSocket-Extensions"] = agreed and deflate.text(agreed) }))
  t.deflate = deflate.new(agreed, "server", t.target.compressed and t.case.offer == nil)
end

-- It must not take the answer for a handshake: nothing more comes, and TCP ends.
local function judgeRefusal(t)
  local isOpen = t.report:awaitNews(t:shorten(t.PATIENCE))
  if isOpen == nil then t:fail("its program hears of neither an opening nor an end") end
  if isOpen then
    local verdict = t.case.mayAccept and t.nonStrict or t.fail
    return verdict(t, "it takes that for a handshake")
  end
  if t:have(1, GRACE) then t:fail("it goes on with %q", t.c:peek():sub(1, 40)) end
  if t.c.ended then return end
  t:nonStrict("%s", role.LEFT)
  if not t.c.isHalfClosed then t:halfClose() end
  if not t:awaitEnd() then t:fail("it doesn't end TCP") end
end

-- Whether it takes the answer for a handshake, where it need not.
local function isTaken(t)
  if t.report:awaitNews(t:shorten(t.PATIENCE)) then return true end
  t:nonStrict("it doesn't take that for a handshake")
  return false
end

local function fill(t, reply)
  local accept = digest.accept(t.request.key)
  return (reply:gsub("%%(%u+)%%", {
    ACCEPT = accept, LOWER = accept:lower(), UNPADDED = accept:gsub("=", ""), KEY = t.request.key,
  }))
end

function role.exchange(t)
  local case = t.case
  t:connect()
  t:write(fill(t, case.reply), case.chop)
  if case.drops == "reset" then
    t:reset()
  elseif case.drops then
    t:halfClose()
  end
  t.deflate = deflate.new()
  if case.mayRefuse then return isTaken(t) end
  if not case.refuses then return true end
  if case.drops ~= "reset" then judgeRefusal(t) end
  return false
end

return role
