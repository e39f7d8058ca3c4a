-- The suite's role where a server is judged: it is the client. For roles: to_client.lua is the other one.
--
-- role.NAME             what is judged
-- role.MASKS            whether the suite masks its frames
-- role.LEFT             what is said where TCP isn't ended by the peer
-- role.connect(t)       sets t.c: nothing has been read or written
-- role.open(t)          the usual handshake: t.c, t.deflate
-- role.exchange(t)      the case's own handshake; whether the case goes on
-- role.checkMask(t, isMasked), role.unmask(t, key, payload) -> payload: of a frame that has come
-- role.endTcp(t)        close frames have gone both ways
-- role.finish(t, code)  the case has come to its end, and passed; `code`: of the close that was begun first, or nil

local client = require "spec.support.client"
local wire = require "spec.conformance.request"
local deflate = require "spec.conformance.deflate"

local role = { NAME = "server", MASKS = true, LEFT = "TCP was left to the client to end" }

-- Frames

function role.checkMask(t, isMasked)
  if isMasked then t:fail("a server must not mask") end
end

function role.unmask(_, _, payload)
  return payload
end

-- The server is the first to end TCP (RFC 6455 section 7.1.1).
function role.endTcp() end

function role.finish() end

-- The opening handshake

local function matches(pattern, value)
  if type(value) == "table" then value = table.concat(value, ", ") end
  if pattern == false then return value == nil end
  return value ~= nil and value:find(pattern) ~= nil
end

local function contains(list, value)
  for _, item in ipairs(list or {}) do
    if item == value then return true end
  end
  return false
end

local function judgeAnswer(t, answer, expected)
  local statuses = type(expected.status) == "table" and expected.status or { expected.status }
  if not contains(statuses, answer.status) then
    local judgeIt = contains(expected.lenient, answer.status) and t.nonStrict or t.fail
    judgeIt(t, "expected status %s, got %d %s", table.concat(statuses, " or "), answer.status, answer.reason)
  end
  for name, pattern in pairs(expected.headers or {}) do
    if not matches(pattern, answer.headers[name]) then
      t:fail("expected the header %s to match %q, got %s", name, tostring(pattern), tostring(answer.headers[name]))
    end
  end
  if expected.body and not answer.body:find(expected.body) then
    t:fail("expected a body that matches %q, got %q", expected.body, answer.body:sub(1, 100))
  end
end

local function checkUpgrade(t, answer)
  local ok, err = pcall(client.assertUpgraded, answer)
  if not ok then
    t:fail("the handshake failed: %s", tostring(type(err) == "table" and err.message or err):gsub("%s+", " "))
  end
end

local function readAnswer(t, method)
  local ok, answer = pcall(t.c.response, t.c, method, t:shorten(t.PATIENCE))
  if ok then return answer end
  if t.c.ended and t.c.size == 0 and (t.case.answer or {}).ends then
    return t:nonStrict("TCP ended without an answer")
  end
  t:fail("expected an answer in HTTP: %s", tostring(answer):sub(1, 200))
end

-- What to offer: the case's own, else permessage-deflate where the whole run does.
local function offerOf(t)
  if t.case.offer ~= nil then return t.case.offer end
  return t.target.compressed and deflate.OFFER
end

local function upgradeRequest(t, offer)
  local headers = client.upgradeHeaders({ ["Sec-WebSocket-Extensions"] = offer })
  return t.c:requestText({ path = t.target.path or "/", headers = headers })
end

function role.connect(t)
  t.c = client.connect({ port = t.target.port, tls = t.target.tls }, t.target.host)
end

function role.open(t)
  t:connect()
  local offer = offerOf(t)
  t.c:write(upgradeRequest(t, offer))
  local answer = readAnswer(t)
  checkUpgrade(t, answer)
  local agreed, wrong = deflate.agree(offer, answer.headers["sec-websocket-extensions"])
  if wrong then t:fail("%s", wrong) end
  if t.case.offer and not agreed then t:skip("the server doesn't agree to %s", offer) end
  t.deflate = deflate.new(agreed, "client", t.target.compressed and t.case.offer == nil)
end

function role.exchange(t)
  local case = t.case
  t:connect()
  local request = case.request
  if type(request) == "table" then
    request = setmetatable({ path = request.path or t.target.path or "/" }, { __index = request })
    request = t.c:requestText(request)
  end
  t:write(wire.fill(request or upgradeRequest(t), t.target, t.c.host), case.chop)
  local answer = readAnswer(t, request and request:match("^%u+") or nil)
  if not answer then return false end
  judgeAnswer(t, answer, case.answer or { status = 101 })
  if answer.status == 101 then
    checkUpgrade(t, answer)
    t.deflate = deflate.new(nil)
    return true
  end
  if (case.answer or {}).ends then t:judgeEnd(t:awaitEnd()) end
  return false
end

return role
