-- The client under the suite: a program of peers.lua's that connects where it is told to, and echoes.
--
-- It reads lines "ID URL [PROTOCOLS]" from its stdin (subprotocols by commas), connects, and sends back each message as
-- it was. It prints "ID open PROTOCOL", "ID error TEXT" and, when all is over, "ID end CODE". It ends with its stdin.
--
-- clients.start(peer, compression [, ca]) -> self; `ca`: path of a certificate that it shall trust. May wait
-- self:connect(url [, protocols]) -> report: { opened = times, protocol =, errors = { texts }, code = }
--     report:awaitNews(patience)   true: it is open; false: it has ended and never was; nil: neither
--     report:awaitEnd(patience)    whether it has ended
-- clients.report() -> a report; report:tell(what, text) is what a line says
-- self:stop() -> its exit code, and all of its stderr. Waits for its end
-- self.keys                      the keys of its handshakes, a set of to_client.lua's

local uv = require "luv"
local async = require "spec.support.async"

local clients = {}
local Clients = {}
Clients.__index = Clients
local Report = {}
Report.__index = Report

local STOP_PATIENCE = 15

-- Reports

local function await(self, condition, patience)
  local ok, err = pcall(function()
    while not condition() do
      async.await(function(done) self.waiting = done end, patience)
    end
  end)
  self.waiting = nil
  if not ok and not tostring(err):find("timed out", 1, true) then error(err, 0) end
  return condition()
end

function Report:awaitNews(patience)
  if not await(self, function() return self.opened > 0 or self.code end, patience) then return nil end
  return self.opened > 0
end

function Report:awaitEnd(patience)
  return await(self, function() return self.code end, patience) ~= nil
end

local TOLD = {
  open = function(self, protocol)
    self.opened = self.opened + 1
    self.protocol = protocol
  end,
  error = function(self, text) table.insert(self.errors, text) end,
  ["end"] = function(self, code) self.code = math.tointeger(tonumber(code)) end,
}

function clients.report()
  return setmetatable({ opened = 0, errors = {} }, Report)
end

function Report:tell(what, text)
  TOLD[what](self, text)
  local waiting = self.waiting
  self.waiting = nil
  if waiting then waiting() end
end

local function onLine(self, line)
  local id, what, rest = line:match("^(%d+) (%l+) ?(.*)$")
  local report = self.reports[tonumber(id)]
  if not report or not TOLD[what] then return async.fail("the client says: " .. line) end
  if report.code then return async.fail("the client has told an end already, and says: " .. line) end
  report:tell(what, rest)
end

local function readLines(self, pipe)
  local partial = ""
  pipe:read_start(function(_, text)
    if not text then return pipe:close() end
    partial = partial .. text
    for line in partial:gmatch("([^\n]*)\n") do onLine(self, line) end
    partial = partial:match("[^\n]*$")
  end)
end

-- Processes

function clients.start(peer, compression, ca)
  local self = setmetatable({ reports = {}, keys = {}, stderr = "", exited = async.queue() }, Clients)
  self.stdin = uv.new_pipe()
  local stdout, stderr = uv.new_pipe(), uv.new_pipe()
  local command = ("exec %s %s %s"):format(peer.client, compression, ca or "")
  self.handle = assert(uv.spawn("/bin/sh", { args = { "-c", command }, stdio = { self.stdin, stdout, stderr } },
    function(code, signal)
      self.handle:close()
      self.exited:push(signal == 0 and code or -signal)
    end))
  readLines(self, stdout)
  stderr:read_start(function(_, text)
    if not text then return stderr:close() end
    self.stderr = self.stderr .. text
  end)
  return self
end

function Clients:connect(url, protocols)
  local report = clients.report()
  self.reports[#self.reports + 1] = report
  self.stdin:write(("%d %s%s\n"):format(#self.reports, url, protocols and " " .. protocols or ""))
  return report
end

function Clients:stop()
  if not self.stdin:is_closing() then self.stdin:close() end
  local ok, code = pcall(self.exited.pop, self.exited, STOP_PATIENCE, "the end of the client")
  if ok then return code, self.stderr end
  self.handle:kill("sigkill")
  return self.exited:pop(nil, "the end of a killed client"), self.stderr
end

return clients
