-- The annotations for editors (lua/luaws/meta.lua), held against a running luaws: whatever it has is in them, and
-- whatever is in them it has, of the kind that they say. That docs/api.md has the same is compared by docs_spec.lua;
-- the form of the annotations by spec/unit/meta_spec.lua.

local certificates = require "spec.support.certificates"
local client = require "spec.support.client"
local names = require "luaws.check.names"
local process = require "spec.support.process"
local server = require "spec.support.server"
local sorted = require "spec.support.sorted"
local readFile = require("spec.support.files").read

-- Adds what is told in lines: class -> name -> { kind =, text = }.
local function take(lines, said)
  for class, name, kind, text in lines:gmatch("([^\t\n]+)\t([^\t\n]+)\t([^\t\n]+)\t([^\t\n]*)\n") do
    said[class] = said[class] or {}
    said[class][name] = { kind = kind, text = text }
  end
  return said
end

-- What the running luaws tells.
local function askProgram()
  local read = certificates.text
  local folder = server.folder {
    ["annotated.lua"] = readFile "spec/support/annotated.lua", ["ca.pem"] = read(certificates.ca),
    ["server.pem"] = read(certificates.server.cert), ["server.key"] = read(certificates.server.key),
  }
  local s = server.startFile(folder .. "/annotated.lua", { lines = 2, cwd = folder })
  s.tls = certificates.client
  assert.equal("told", client.get(s, "/").body)
  s:awaitExit()
  return take(s.stdout, {})
end

-- The same of what specs have: a spec writes it into the file "said". Fields that aren't annotated are its own
-- affair.
local TESTING = [[
  local testing = require "luaws.testing"
  local file
  local function tellOne(class, name, kind, value)
    file:write(class, "\t", name, "\t", kind, "\t", type(value) == "string" and value:sub(1, 20) or "", "\n")
  end
  local function kindOf(value)
    return type(value) == "userdata" and tostring(value):match "^%a+" or math.type(value) or type(value)
  end
  local function tell(class, object, fields)
    local meta = getmetatable(object) or {}
    for name, value in pairs(type(meta.__index) == "function" and meta or meta.__index or {}) do
      if type(value) == "function" and name:sub(1, 2) ~= "__" then tellOne(class, name, "method") end
    end
    for name in fields:gmatch "%S+" do
      if object[name] ~= nil then tellOne(class, name, kindOf(object[name]), object[name]) end
    end
  end
  it("tells", function()
    file = io.open("said", "w")
    for name, value in pairs(testing) do tellOne("luaws.testing", name, type(value)) end
    local server = testing.server("script.lua")
    local client = server:connect("/", { protocols = "p" })
    client:send "x"
    tell("luaws.TestError", testing.nextError(), "errCode message componentSignature traceback callback")
    client:close(3000, "enough")
    tell("luaws.TestClient", client, FIELDS_OF_CLIENT)
    tell("luaws.TestAnswer", server:get "/", "status headers body")
    local ws, clock = testing.connection({ onMessage = function() end }, { protocols = "p" })
    ws.wss:broadcast "x"
    ws:close(3000, "enough")
    tell("luaws.TestConnection", ws, FIELDS_OF_CONNECTION)
    tell("luaws.TestClock", clock, "now")
    tell("luaws.TestReceived", ws.frames[1], "type data isBinary")
    tell("luaws.TestReceived", { code = ws.frames[2].code, reason = "enough" }, "code reason")
    server.wss.handler.exit(7)
    tell("luaws.TestServer", server, FIELDS_OF_SERVER)
    file:close()
  end)
]]

local SCRIPT = [[
  local luaws = require "luaws"
  local handler = { exit = luaws.exit }
  function handler.onConnection() return { onMessage = function() error "raised" end }, { protocol = "p" } end
  luaws.WebSocketServer.new(handler, { protocols = "p" })
]]

local function askSpec(all, said)
  local function fieldsOf(class)
    local fields = {}
    for name, member in pairs(all.classes[class].members) do
      if not member.isMethod then fields[#fields + 1] = name end
    end
    return ("%q"):format(table.concat(fields, " "))
  end
  local spec = TESTING:gsub("FIELDS_OF_CLIENT", fieldsOf "luaws.TestClient")
    :gsub("FIELDS_OF_SERVER", fieldsOf "luaws.TestServer")
    :gsub("FIELDS_OF_CONNECTION", fieldsOf "luaws.TestConnection")
  local folder = server.folder { ["spec/a_spec.lua"] = spec, ["script.lua"] = SCRIPT }
  local child = process.run("/usr/bin/env", { "-C", folder, os.getenv "LUAWS_BIN", "test" }, 60)
  assert.equal(0, child.code, child.stdout .. child.stderr)
  take(readFile(folder .. "/said"), said)
  return said
end

local KINDS = {
  string = { string = true }, integer = { integer = true }, number = { integer = true, float = true },
  boolean = { boolean = true }, table = { table = true }, ["true"] = { boolean = true }, ["false"] = { boolean = true },
}

-- Whether a value is of one of the alternatives of a type.
local function fits(all, value, type)
  for _, part in ipairs(names.alternatives(all, type)) do
    local kinds = KINDS[part]
    if part == "any" or part == value.kind or (kinds and kinds[value.kind]) then return true end
    if part == '"' .. value.text .. '"' then return value.kind == "string" end
    if part:find("^fun%(") or part == "function" then
      if value.kind == "function" then return true end
    elseif part:find("%[%]$") or part:find("^table<") then
      if value.kind == "table" then return true end
    elseif all.classes[part:match("^[^<]*")] then
      if value.kind == "table" or part == "luaws." .. value.kind or part == "luaws.Null" then return true end
    end
  end
  return false
end

-- What is wrong with what the annotations say of a class of which the program has said so much.
local function differences(all, class, said)
  local wrong = {}
  for name, member in pairs(class.members) do
    local value = said[name]
    if not value then
      wrong[#wrong + 1] = name .. " is not there"
    elseif value.kind == "method" then
      if not member.isMethod then wrong[#wrong + 1] = name .. " is a method" end
    elseif value.kind == "nil" then
      if not member.isOptional then wrong[#wrong + 1] = name .. " is nil" end
    elseif value.kind ~= "read" and (member.isMethod or not fits(all, value, member.type)) then
      wrong[#wrong + 1] = ("%s is a %s, not %s"):format(name, value.kind, member.type)
    end
  end
  for name in pairs(said) do
    if not class.members[name] then wrong[#wrong + 1] = name .. " is not annotated" end
  end
  table.sort(wrong)
  return wrong
end

-- What onRequest and onConnection may return: luaws looks at no other field.
local ANSWERS = { ["luaws.Response"] = '"status"', ["luaws.Acceptance"] = '"protocol"' }

local function fieldsOfAnswer(first)
  local fields = {}
  local list = readFile("src/script/answer.c"):match("const KEYS%[%] = (%b{})", 1)
  for keys in readFile("src/script/answer.c"):gmatch("const KEYS%[%] = (%b{})") do
    if keys:find(first, 1, true) then list = keys end
  end
  for name in list:gmatch '"(%a+)"' do fields[name] = { kind = "read" } end
  return fields
end

-- Whose fields are in a task of their own, or of whom there is nothing but fields like these.
local SEEN_ELSEWHERE = {
  ["luaws.DrainEvent"] = true, ["luaws.ReloadEvent"] = true, ["luaws.Null"] = true, ["luaws.Blob"] = true,
  ["luaws.TestScriptOptions"] = true, ["luaws.TestConnectionOptions"] = true, ["luaws.TestFrame"] = true,
}

describe("the annotations", function()
  local all, said

  setup(function()
    all = names.read(readFile "lua/luaws/meta.lua")
    said = askSpec(all, askProgram())
    for class, first in pairs(ANSWERS) do said[class] = fieldsOfAnswer(first) end
  end)

  it("have every member, option and field, of the kind that it has, and no others", function()
    local wrong = {}
    for name, class in pairs(all.classes) do
      if said[name] then wrong[name] = differences(all, class, said[name]) end
    end
    for name, list in pairs(wrong) do assert.same({}, list, name) end
    for name in pairs(said) do assert.is_table(all.classes[name], name) end
  end)

  it("have no class that isn't looked at", function()
    local unseen = {}
    for name, class in pairs(all.classes) do
      if not said[name] and not names.isHandler(class) and not SEEN_ELSEWHERE[name] then unseen[name] = true end
    end
    assert.same({}, sorted(unseen), "annotated.lua, or TESTING above, should tell of these, too")
  end)

  it("have every method that handlers are looked at for, and no others", function()
    local called, annotated = {}, {}
    for name in readFile("lua/luaws/calls.lua"):gmatch("handler[.:](on%a+)") do called[name] = true end
    for name, class in pairs(all.classes) do
      for method in pairs(names.isHandler(class) and class.members or {}) do
        if method:find("^on%u") then annotated[method] = name end
      end
    end
    assert.same(sorted(called), sorted(annotated))
  end)

  it("have the event of a reload", function()
    local s = server.startFile(server.folder { ["a.lua"] = [[
      local luaws = require "luaws"
      local Echo = luaws.class "Echo"
      function Echo:onMessage() luaws.reload() end
      function Echo:onReload(_, event)
        for name, value in pairs(event) do print(name, math.type(value) or type(value), tostring(value)) end
        print "end"
      end
      luaws.WebSocketServer.new { onConnection = function() return Echo.new() end }
    ]] } .. "/a.lua")
    local c = client.open(s)
    c:send "now"
    local fields = {}
    for line in function() return s:line() end do
      if line == "end" then break end
      local name, kind, text = line:match("^(%S+)\t(%S+)\t(%S+)$")
      fields[name] = { kind = kind, text = text }
    end
    assert.same({}, differences(all, all.classes["luaws.ReloadEvent"], fields))
    c:drop()
    s:stop()
  end)

  it("have the assertions, in what stands for luaws.testing", function()
    local defined, annotated = {}, {}
    for name in readFile("lua/luaws/testing/assertions.lua"):gmatch 'define%("([%w_]+)"' do defined[name] = true end
    for name in readFile("lua/luaws/new/project/testing.lua"):gmatch "%-%-%-@field ([%w_]+)" do
      annotated[name:gsub("^not_", "")] = true
    end
    defined.no_error = nil -- luassert's own
    assert.same(sorted(defined), sorted(annotated))
  end)

  it("are held against the program by a check that can fail", function()
    local said2 = { port = { kind = "string", text = "x" }, start = { kind = "integer", text = "" },
                    more = { kind = "method", text = "" } }
    local wrong = differences(all, all.classes["luaws.WebServer"], said2)
    local expected = { "host is not there", "isRunning is not there", "more is not annotated",
      "port is a string, not integer", "reloadTLS is not there", "start is a integer, not function",
      "stop is not there", "url is not there" }
    assert.same(expected, wrong)
  end)
end)
