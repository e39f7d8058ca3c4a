-- The documentation, tried out: each block of code and each command runs, each link leads somewhere, and what the
-- tables name is what there is.
--
-- HTML comments right above a block say what to do with it:
--
--   <!-- run: server; STEP; ... -->   a program that serves ("server, 2 start lines": has started with the second;
--                                     "server, errors": its handlers raise, and the log says so).
--                                     Steps: connect PATH [as NAME]; from NAME (the client that the next steps are
--                                     about); send TEXT; receive TEXT; close; get PATH STATUS; refuse PATH STATUS
--                                     (an upgrade that is not accepted); edit TEXT => TEXT (in the program's file)
--   <!-- run: program -->             one that ends by itself, with exit code 0
--   <!-- run: client of NAME -->      the same, while the program of that file serves: its port stands in for 8080
--   <!-- compile -->                  a piece that is only compiled
--   <!-- file: NAME -->               keeps the block under this name for the commands further down on the page
--   <!-- with: NAME, ... -->          the program finds these files beside it: one of this page, else a page, or a
--                                     certificate and its key
--   <!-- shell: NAME -->              commands for the shell, among the files kept so far, while the program of that
--                                     file serves ("none": without one): its port stands in for 8080
--   <!-- terminal: NAME; LINE; ... -->  the block is what a terminal shows on which "luaws connect" is given these
--                                     lines, while the program of that file serves
--   <!-- console: NAME; LINE; ... -->  the same with these lines given to "luaws --console" with the program of that
--                                     file, or to "luaws repl"
--   <!-- output -->                   the block is what the program above has printed; with "... with * for anything"
--                                     a * stands for any text

local uv = require "luv"
local annotations = require "luaws.check.names"
local certificates = require "spec.support.certificates"
local client = require "spec.support.client"
local markdown = require "spec.support.markdown"
local process = require "spec.support.process"
local server = require "spec.support.server"
local terminal = require "spec.support.terminal"
local sorted = require "spec.support.sorted"
local filesBelow = require("spec.support.files").below
local readFile = require("spec.support.files").read

local BIN = os.getenv("LUAWS_BIN")
local META = "lua/luaws/meta.lua"
local API, TESTING, ERRORS, TOUR = "docs/api.md", "docs/testing.md", "docs/errors.md", "src/README.md"

local function join(first, second)
  return table.move(second, 1, #second, #first + 1, table.move(first, 1, #first, 1, {}))
end

local PAGES = filesBelow("docs", "%.md$")
local TRIED = join({ "README.md" }, PAGES)
local LINKED = join(TRIED, { TOUR, "CONTRIBUTING.md", "CHANGELOG.md", "bench/README.md", "spec/conformance/README.md" })

-- Links

local function brokenLinks(page)
  local broken = {}
  local folder = page.path:match("^(.*/)") or ""
  for _, link in ipairs(page.links) do
    local path, anchor = link.target:match("^([^#]*)#?(.*)$")
    local target = folder .. path
    local isBroken
    if link.target:match("^%a+://") then
      isBroken = false
    elseif path == "" then
      isBroken = not page.anchors[anchor]
    elseif anchor ~= "" and target:match("%.md$") and uv.fs_stat(target) then
      isBroken = not markdown.read(target).anchors[anchor]
    else
      isBroken = anchor ~= "" or not uv.fs_stat(target)
    end
    if isBroken then broken[#broken + 1] = link.line .. ": " .. link.target end
  end
  return broken
end

describe("links", function()
  for _, path in ipairs(LINKED) do
    it("of " .. path .. " lead somewhere", function()
      assert.same({}, brokenLinks(markdown.read(path)))
    end)
  end

  it("are checked by a check that can fail", function()
    local page = markdown.parse("# A title\n[1](#a-title) [2](#none) [3](docs/none.md) [4](docs/api.md#json)\n"
      .. '<img src="none.png"> [5](docs/api.md#none) [6](https://example.com/) `[7](none)`\n')
    page.path = "README.md"
    assert.same({ "2: #none", "2: docs/none.md", "3: docs/api.md#none", "3: none.png" }, brokenLinks(page))
  end)
end)

-- Programs

local function noteOf(block, name)
  for _, note in ipairs(block.notes) do
    local rest = note:match("^" .. name .. "(.*)$")
    if rest then return (rest:gsub("^[:,]?%s*", "")) end
  end
end

local function assertNoErrors(log)
  for line in log:gmatch("[^\n]+") do
    assert.falsy(line:match("^[%d:.]+ error "), log)
  end
end

local STEPS = {}

function STEPS.connect(state, rest)
  local path, name = rest:match("^(%S+) as (%S+)$")
  state.current = client.open(state.server, path or rest)
  state.clients[name or "client"] = state.current
end

function STEPS.from(state, name) state.current = assert(state.clients[name], "no client " .. name) end
function STEPS.send(state, text) state.current:send(text) end
function STEPS.receive(state, text) assert.equal(text, (state.current:receive())) end
function STEPS.close(state) state.current:close(1000) end

function STEPS.edit(state, rest)
  local from, to = rest:match("^(.-) => (.*)$")
  local text = readFile(state.path)
  local first, last = text:find(from, 1, true)
  local file = assert(io.open(state.path, "w"))
  file:write(text:sub(1, first - 1), to, text:sub(last + 1))
  file:close()
end

function STEPS.get(state, rest)
  local path, status = rest:match("^(%S+) (%d+)$")
  assert.equal(tonumber(status), client.get(state.server, path).status, path)
end

function STEPS.refuse(state, rest)
  local path, status = rest:match("^(%S+) (%d+)$")
  assert.equal(tonumber(status), (select(2, client.handshake(state.server, path))).status, path)
end

local function runServer(path, how, steps)
  local s = server.startFile(path, { cwd = path:match("^(.*)/"), lines = tonumber(how:match("%d+")) })
  local state = { server = s, clients = {}, path = path }
  for step in steps:gmatch("[^;]+") do
    local verb, rest = step:match("^%s*(%S+)%s*(.-)%s*$")
    assert(STEPS[verb], "unknown step: " .. step)(state, rest)
  end
  for _, c in pairs(state.clients) do c:drop() end
  s:stop()
  if how:find("errors", 1, true) then
    assert.has_error(function() assertNoErrors(s.stderr) end)
  else
    assertNoErrors(s.stderr)
  end
  return s.stdout
end

local function runProgram(path)
  local child = server.run(nil, { program = { path } })
  assert.equal(0, child.code, child.stderr)
  return child.stdout
end

-- A file that an example needs.
local function contentOf(name)
  if name:find("key", 1, true) then return certificates.text(certificates.server.key) end
  if name == "staff.pem" then return certificates.text(certificates.ca) end
  if name:match("%.pem$") then return certificates.text(certificates.server.cert) end
  return "<title>a page</title>\n"
end

local function runClient(text, serving)
  local s = server.startFile(server.folder({ ["server.lua"] = serving }) .. "/server.lua")
  local printed = runProgram(server.folder({ ["script.lua"] = text:gsub(":8080", ":" .. s.port) }) .. "/script.lua")
  s:stop()
  assertNoErrors(s.stderr)
  return printed
end

-- What a block of Lua prints when it is run as its notes say. `kept`: the page's files so far.
local function runLua(block, kept)
  local name = noteOf(block, "file") or "script.lua"
  local files = { [name] = block.text }
  for beside in (noteOf(block, "with") or ""):gmatch("[^,%s]+") do
    files[beside] = kept and kept[beside] or contentOf(beside)
  end
  local path = server.folder(files) .. "/" .. name
  local run = noteOf(block, "run")
  if run == "program" then return runProgram(path) end
  local serving = (run or ""):match("^client of (%S+)$")
  if serving then return runClient(block.text, assert(kept[serving], "no file " .. serving)) end
  local how, steps = (run or ""):match("^server([^;]*);?(.*)$")
  if steps then return runServer(path, how, steps) end
  assert(noteOf(block, "compile"), "a note above the block must say how to run it")
  assert(load(block.text, "=block"))
end

-- Commands

local function splitWords(command)
  assert(not command:find("[\"'$|;&]"), "only plain words are understood here: " .. command)
  local words = {}
  for word in command:gmatch("%S+") do words[#words + 1] = word end
  return words
end

local HAS_VALUE = { ["--host"] = true, ["--port"] = true, ["--root"] = true, ["--log-level"] = true,
                    ["--log-format"] = true, ["--tls-cert"] = true, ["--tls-key"] = true }

-- Takes "--port 9000" out: the helper adds "--port 0".
local function splitArguments(words)
  local options, script, rest = {}, nil, {}
  local i = 2
  while i <= #words do
    local word = words[i]
    if script then
      rest[#rest + 1] = word
    elseif HAS_VALUE[word] then
      i = i + 1
      if word ~= "--port" then table.move({ word, words[i] }, 1, 2, #options + 1, options) end
    elseif word:match("^%-.") then
      options[#options + 1] = word
    else
      script = word
    end
    i = i + 1
  end
  return options, script, rest
end

local COMMANDS = {}

function COMMANDS.luaws(words, said, files)
  local options, script, rest = splitArguments(words)
  if not script then
    local child = process.run(BIN, options)
    assert.equal(0, child.code, child.stderr)
    return
  end
  local folder = server.folder(files)
  local path = files[script] and folder .. "/" .. script or script
  if options[1] and options[1]:find("^%-%-estimate") then -- it ends by itself
    local child = process.run(BIN, { options[1], path }, 150)
    assert.equal(0, child.code, child.stderr)
    return
  end
  local s = server.startFile(path, { args = options, scriptArgs = rest, cwd = files[script] and folder or nil })
  if said:match("^luaws: ") then
    local expected = said:gsub(":%d+", ":" .. s.port)
    assert.truthy(s.stderr:find(expected .. "\n", 1, true), s.stderr)
  end
  s:stop()
  assertNoErrors(s.stderr)
end

COMMANDS["build/release/luaws"] = COMMANDS.luaws

function COMMANDS.make(words)
  local arguments = table.move(words, 2, #words, 2, { "-n" })
  local child = process.run("make", arguments)
  assert.equal(0, child.code, child.stderr)
end

COMMANDS["apt-get"] = function(words)
  assert.same({ "apt-get", "install", "git", "make" }, words)
end

-- It asks the chat.
function COMMANDS.curl(words)
  if process.run("/bin/sh", { "-c", "command -v curl" }).code ~= 0 then pending("curl is not installed") end
  local s = server.startFile("examples/chat.lua", { args = { "--tls-self-signed" } })
  for i, word in ipairs(words) do words[i] = word:gsub(":8080", ":" .. s.port) end
  local child = process.run("curl", table.move(words, 2, #words, 2, { "--silent" }))
  assert.equal(0, child.code, child.stderr)
  s:stop()
end

-- In a folder that the commands of a block have in common.
function COMMANDS.openssl(words, _, _, folder)
  local child = process.run("/usr/bin/env", { "-C", folder, table.unpack(words) })
  assert.equal(0, child.code, child.stderr)
end

local function runCommands(block, files)
  local folder = server.folder()
  for line in block.text:gmatch("[^\n]+") do
    local command, said = line:match("^(.-)%s*#%s*(.*)$")
    local words = splitWords(command or line)
    if words[1] then
      local run = COMMANDS[words[1]] or error("a command that this spec doesn't know: " .. words[1])
      run(words, said or "", files, folder)
    end
  end
end

-- A shell, and a terminal

local function serve(name, kept)
  if name == "none" then return nil end
  return server.startFile(server.folder({ ["server.lua"] = assert(kept[name], "no file " .. name) }) .. "/server.lua")
end

local function stopServing(s)
  if not s then return end
  s:stop()
  assertNoErrors(s.stderr)
end

-- What the commands print. `luaws` is the one under test.
local function runShell(block, kept)
  local s = serve(noteOf(block, "shell"), kept)
  local text = s and block.text:gsub(":8080", ":" .. s.port) or block.text
  local path = BIN:match("^(.*)/") .. ":" .. os.getenv("PATH")
  local child = process.run("/usr/bin/env", { "-C", server.folder(kept), "PATH=" .. path, "/bin/sh", "-ec", text })
  assert.equal(0, child.code, child.stderr)
  assert.equal("", child.stderr)
  stopServing(s)
  return child.stdout
end

-- Types the lines, each when the answer to the one before has come; the last one ends it.
local function runTerminal(block, kept)
  local name, rest = noteOf(block, "terminal"):match("^([^;]+);(.*)$")
  local s = serve(name, kept)
  local t = terminal.start({ "connect", ("ws://127.0.0.1:%d/"):format(s.port) },
    { env = { XDG_STATE_HOME = server.folder() } })
  local count = 2
  for line in rest:gmatch("[^;]+") do
    t:await(function(lines) return lines[#lines] == ">" and #lines >= count end)
    t:type(line:match("^%s*(.-)%s*$") .. "\r")
    count = count + 2
  end
  t:awaitExit()
  local wanted = block.text:gsub(":8080", ":" .. s.port)
  t:await(function(lines) return table.concat(lines, "\n") .. "\n" == wanted end)
  stopServing(s)
end

-- The last row is a prompt; the rows above it are `count` or more.
local function isAsked(lines, count)
  return (lines[#lines] == ">" or lines[#lines] == ">>") and #lines > count
end

local function runConsole(block, kept)
  local name, rest = noteOf(block, "console"):match("^([^;]+);(.*)$")
  local args = { "repl" }
  if name ~= "repl" then
    args = { "--port", "0", "--console",
             server.folder({ [name] = assert(kept[name], "no file " .. name) }) .. "/" .. name }
  end
  local t = terminal.start(args, { env = { XDG_STATE_HOME = server.folder() } })
  local count = 0
  for line in rest:gmatch("[^;]+") do
    t:await(function(lines) return isAsked(lines, count) end)
    count = #t:lines()
    t:type(line:match("^%s*(.-)%s*$") .. "\r")
  end
  t:await(function(lines)
    local shown = table.concat(lines, "\n"):gsub("(127%.0%.0%.1:)%d+", "%18080")
    return shown .. "\n" == block.text
  end, block.text)
  t:type("\4")
  t:awaitExit()
end

-- Output

local function assertOutput(block, printed)
  assert.is_string(printed, "nothing was run above this block")
  local pattern = block.text:gsub("%p", "%%%0")
  if noteOf(block, "output"):match("%* for anything") then pattern = pattern:gsub("%%%*", "[^\n]*") end
  assert.truthy(printed:match("^" .. pattern .. "$"), "it printed:\n" .. printed)
end

local function copyOf(files)
  local copy = {}
  for name, text in pairs(files) do copy[name] = text end
  return copy
end

-- nginx: run by trust_proxy_spec.
local SILENT = { text = true, js = true, json = true, html = true, nginx = true }

for _, path in ipairs(TRIED) do
  describe(path, function()
    local files, printed = {}, nil
    for _, block in ipairs(markdown.read(path).blocks) do
      local name = ("block of line %d (%s)"):format(block.line, block.info)
      if noteOf(block, "file") then files[noteOf(block, "file")] = block.text end
      if block.info == "lua" then
        it(name .. " runs", function() printed = runLua(block, files) end)
      elseif noteOf(block, "shell") then
        local known = copyOf(files)
        it(name .. " runs", function() printed = runShell(block, known) end)
      elseif noteOf(block, "console") then
        it(name .. " is what a terminal shows", function() runConsole(block, files) end)
      elseif noteOf(block, "terminal") then
        it(name .. " is what a terminal shows", function() runTerminal(block, files) end)
      elseif block.info == "sh" then
        local known = copyOf(files)
        it(name .. " runs", function() runCommands(block, known) end)
      elseif noteOf(block, "output") then
        it(name .. " is what was printed", function() assertOutput(block, printed) end)
      else
        it(name .. " is of a kind that needs no run", function() assert.is_true(SILENT[block.info], block.info) end)
      end
    end
  end)
end

describe("the runs", function()
  local function block(text, ...) return { info = "lua", text = text, notes = { ... } } end

  it("fail when a program does", function()
    assert.has_error(function() runLua(block("error 'x'", "run: program")) end)
    assert.has_error(function() runLua(block("x =", "compile")) end)
    assert.has_error(function() runLua(block("print 'x'")) end)
    assert.has_error(function() runLua(block("print 'x'", "run: server")) end)
    assert.has_error(function() runCommands(block("luaws --none\n"), {}) end)
    assert.has_error(function() runCommands(block("make none\n"), {}) end)
    assert.has_error(function() runCommands(block("rm -rf x\n"), {}) end)
    assert.has_error(function() assertOutput(block("b\n", "output"), "a\n") end)
    assertOutput(block("a *\n", "output, with * for anything"), "a b\n")
    assert.has_error(function() runShell(block("false\n", "shell: none"), {}) end)
    assert.equal("a b\n", runShell(block("echo a   b\n", "shell: none"), {}))
  end)

  it("fail when a server does otherwise", function()
    local text = [[
      local luaws = require "luaws"
      luaws.WebSocketServer.new({ onConnection = function()
        return { onMessage = function(_, ws, e) if e.data == "bad" then error "bad" end ws:send(e.data) end }
      end }, { path = "/x" })
    ]]
    runLua(block(text, "run: server; connect /x; send a; receive a; close; get /x 426; refuse /y 404"))
    assert.has_error(function() runLua(block(text, "run: server; connect /x; send a; receive b")) end)
    assert.has_error(function() runLua(block(text, "run: server; get /x 200")) end)
    assert.has_error(function() runLua(block(text, "run: server; connect /x; send bad; send a; receive a")) end)
  end)
end)

-- Names

local function tableUnder(page, heading)
  for _, found in ipairs(page.tables) do
    if found.heading == heading then return found end
  end
  error(("%s has no table under the heading %q"):format(page.path, heading))
end

-- The names that begin the first cells of a table: "`a`, `b(x)`" gives a and b.
local function namesIn(found)
  local names = {}
  for _, row in ipairs(found.rows) do
    for _, code in ipairs(markdown.codes(row[1])) do names[code:match("^[%w_]+")] = true end
  end
  return names
end

-- The members of one kind of object, wherever a table's first cell names one: "`ws:send(message)`" for "ws".
local function membersOf(page, object)
  local names = {}
  for _, found in ipairs(page.tables) do
    for _, row in ipairs(found.rows) do
      for _, code in ipairs(markdown.codes(row[1])) do
        local name = code:match("^" .. object .. "[.:]([%a_]+)")
        if name then names[name] = true end
      end
    end
  end
  return names
end

-- The classes of the annotations whose members stand in tables of their own: by a prefix ("ws:send"), ...
local OBJECTS = {
  ["luaws"] = "luaws", ["luaws.WebServer"] = "web", ["luaws.WebSocketServer"] = "wss", ["luaws.Timer"] = "timer",
  ["luaws.WebSocketConnection"] = "ws", ["luaws.Request"] = "request", ["luaws.WebSocket"] = "client",
}

-- The same in testing.md.
local TEST_OBJECTS = { ["luaws.testing"] = "testing", ["luaws.TestServer"] = "chat", ["luaws.TestClient"] = "ann" }

-- ... or under a heading.
local HEADINGS = {
  ["luaws.WebSocketServerOptions"] = "Options of a WebSocketServer", ["luaws.Compression"] = "Compression",
  ["luaws.WebSocketOptions"] = "Options of a WebSocket", ["luaws.Reconnect"] = "Reconnecting",
  ["luaws.WebServerSettings"] = "Settings of a WebServer", ["luaws.TLSSettings"] = "TLS",
  ["luaws.ServerHandler"] = "The server's handler", ["luaws.ConnectionHandler"] = "The connection's handler",
  ["luaws.ClientHandler"] = "The client's handler", ["luaws.Stats"] = "Counters", ["luaws.Error"] = "Errors",
}

-- What stands elsewhere than in the table.
local BESIDE = {
  ["luaws.WebServer"] = { new = true }, -- of the class
  ["luaws.ClientHandler"] = { dataType = true, headers = true },
}

-- The words in inline code, as a set.
local function wordsInCode(page)
  local words = {}
  for _, code in ipairs(page.codes) do
    for word in code.text:gmatch("[%a_][%w_]*") do words[word] = true end
  end
  return words
end

describe(API, function()
  local page, all

  setup(function()
    page = markdown.read(API)
    all = annotations.read(readFile(META))
  end)

  it("has the members of every object that editors are told of, and no others", function()
    for class, object in pairs(OBJECTS) do
      local documented = membersOf(page, object)
      for name in pairs(BESIDE[class] or {}) do documented[name] = nil end
      assert.same(sorted(all.classes[class].members), sorted(documented), class)
    end
  end)

  it("leaves to testing.md what tests have", function()
    local testing = markdown.read(TESTING)
    for class, object in pairs(TEST_OBJECTS) do
      assert.same(sorted(all.classes[class].members), sorted(membersOf(testing, object)), class)
    end
  end)

  it("has the options, settings, methods of handlers and fields that editors are told of, and no others", function()
    for class, heading in pairs(HEADINGS) do
      local documented = namesIn(tableUnder(page, heading))
      for name in pairs(BESIDE[class] or {}) do documented[name] = true end
      assert.same(sorted(all.classes[class].members), sorted(documented), class)
    end
  end)

  it("names all else that editors are told of, with docs/testing.md", function()
    local words, missing = wordsInCode(page), {}
    for word in pairs(wordsInCode(markdown.read(TESTING))) do words[word] = true end
    for class, known in pairs(all.classes) do
      for name in pairs(known.members) do
        if not words[name] then missing[class .. "." .. name] = true end
      end
    end
    assert.same({}, sorted(missing))
  end)

  it("has the values that are one of a few", function()
    local text, missing = readFile(API), {}
    for alias, type in pairs(all.aliases) do
      for value in type:gmatch('"([^"]+)"') do
        local isThere = text:find('`"' .. value .. '"', 1, true) or text:find("`" .. value .. "`", 1, true)
        if not isThere then missing[alias .. ": " .. value] = true end
      end
    end
    assert.same({}, sorted(missing))
  end)
end)

-- Messages, numbers, options of the command line

-- All string literals of the C sources, adjacent ones joined.
local function literalsInSources()
  local texts = {}
  for _, path in ipairs(filesBelow("src", "%.c$")) do
    local joined = readFile(path):gsub('\\"', "\1"):gsub('"%s*"', "")
    for text in joined:gmatch('"([^"\n]*)"') do
      texts[#texts + 1] = text:gsub("\1", '"')
    end
  end
  return texts
end

-- Whether every piece of the message between "..." and quotes is in a literal. (Some messages are put together of
-- several.)
local function isSaidBy(literals, message)
  for piece in (message:gsub("%.%.%.", "\0"):gsub("'", "\0") .. "\0"):gmatch("([^\0]*)\0") do
    piece = piece:match("^[%s:]*(.-)[%s:]*$")
    local isThere = piece == ""
    for _, text in ipairs(literals) do isThere = isThere or text:find(piece, 1, true) ~= nil end
    if not isThere then return false end
  end
  return true
end

-- Messages that are Lua's own, or an example of one.
local LUAS_OWN = { ["cannot open ..."] = true, ["stack traceback:"] = true }

describe(ERRORS, function()
  local page

  setup(function() page = markdown.read(ERRORS) end)

  it("has the numbers of LUAW as they are in the sources", function()
    local numbers, documented = {}, {}
    for number in readFile("src/base/err.h"):gmatch("ERR_CODE_[%u_]+ = (%d+),") do numbers[number] = true end
    for _, row in ipairs(tableUnder(page, "LUAW").rows) do documented[row[1]] = true end
    assert.same(sorted(numbers), sorted(documented))
  end)

  it("quotes messages as the sources have them", function()
    local literals = literalsInSources()
    local unknown = {}
    for _, heading in ipairs({ "Messages at the start", "Messages for the script's author" }) do
      for _, row in ipairs(tableUnder(page, heading).rows) do
        for _, message in ipairs(markdown.codes(row[1])) do
          local isExample = message:match("^chat%.lua:") or LUAS_OWN[message]
          if not isExample and not isSaidBy(literals, message) then unknown[#unknown + 1] = message end
        end
      end
    end
    assert.same({}, unknown)
    assert.is_false(isSaidBy(literals, "port ... is in use (try --prot)"))
    assert.is_true(#literals > 100)
  end)

  it("lists each status that luaws answers with", function()
    local documented = {}
    for _, row in ipairs(tableUnder(page, "HTTP statuses").rows) do
      for status in row[1]:gmatch("%d+") do documented[status] = true end
    end
    local missing = {}
    for _, layer in ipairs({ "http", "reactor", "script" }) do
      for _, path in ipairs(filesBelow("src/" .. layer, "%.c$")) do
        local isList = path == "src/http/response.c" -- of the names of all statuses
        for status in readFile(path):gmatch("[^%w_]([45]%d%d)[,;)]") do
          local isKnown = isList or documented[status] or status > "505" -- no status of ours, but a number
          if not isKnown then missing[#missing + 1] = path .. ": " .. status end
        end
      end
    end
    assert.same({}, missing)
  end)

  it("lists each close code that luaws sends or tells", function()
    local documented = {}
    for _, row in ipairs(tableUnder(page, "Close codes").rows) do
      local first, last = row[1]:match("(%d+) to (%d+)$")
      for code in row[1]:gmatch("%d+") do documented[tonumber(code)] = true end
      for code = tonumber(first or 1), tonumber(last or 0) do documented[code] = true end
    end
    for code in readFile("src/ws/close.h"):gmatch("WS_CLOSE_[%u_]+ = (%d+),") do
      assert.is_true(documented[tonumber(code)], code)
    end
  end)
end)

describe("README.md", function()
  it("leads to every page and example", function()
    local led = {}
    for _, link in ipairs(markdown.read("README.md").links) do led[link.target:match("^[^#]*")] = true end
    local missing = {}
    for _, path in ipairs(join(PAGES, filesBelow("examples", "%.lua$"))) do
      local isScript = path:match("^examples/[^/]+$") or path:match("%.md$")
      if isScript and not led[path] then missing[#missing + 1] = path end
    end
    assert.same({}, missing)
  end)

  it("lists the options of --help, with their defaults", function()
    local help = process.run(BIN, { "--help" }).stdout
    local offered, documented = {}, {}
    for option, value in help:gmatch("\n  (%-%S+) ?(%u*)") do
      offered[value == "" and option or option .. " " .. value] = true
    end
    for _, row in ipairs(tableUnder(markdown.read("README.md"), "The command line").rows) do
      for _, code in ipairs(markdown.codes(row[1])) do
        documented[code] = true
        local default = row[3]:gsub("`", "")
        local line = help:match("\n  " .. code:gsub("%p", "%%%0") .. "[^\n]*")
        if line and default ~= "" then assert.truthy(line:find("(" .. default .. ")", 1, true), line) end
      end
    end
    assert.same(sorted(offered), sorted(documented))
  end)
end)

describe(TOUR, function()
  local page

  setup(function() page = markdown.read(TOUR) end)

  it("has the layers that the build has", function()
    local built, told = {}, {}
    for name, rest in readFile("CMakeLists.txt"):gmatch("\nluaws_layer%((%l+)([^)]*)%)") do
      built[name] = (rest:match("LAYERS ([%l%s]-)%s*%u") or rest:match("LAYERS ([%l%s]+)$") or "-"):gsub("%s+", ", ")
    end
    for _, row in ipairs(tableUnder(page, "Layers").rows) do
      if not row[1]:find("main.c", 1, true) then told[row[1]] = row[3] end
    end
    assert.same(built, told)
  end)

  it("has the states of a connection", function()
    local states, told = {}, {}
    local enum = readFile("src/reactor/conn.h"):match("enum conn_state (%b{})")
    for state in enum:gmatch("CONN_%u+") do states[state] = true end
    for _, row in ipairs(tableUnder(page, "Life of a connection").rows) do told[row[1]:match("[%u_]+")] = true end
    assert.same(sorted(states), sorted(told))
  end)

  it("names only what is in the sources", function()
    local words = {}
    for _, folder in ipairs({ "src", "lua" }) do
      for _, path in ipairs(filesBelow(folder, "%.[chl]u?a?$")) do
        for word in readFile(path):gmatch("[%w_]+") do words[word] = true end
      end
    end
    local unknown = {}
    for _, code in ipairs(page.codes) do
      local name = code.text:match("^[%a][%w]*_[%w_]+$") or code.text:match("^%u[%u_]+_%u+$")
      local isLibuvs = name and name:match("^uv_")
      if name and not isLibuvs and not words[name] then
        unknown[#unknown + 1] = code.line .. ": " .. name
      end
    end
    assert.same({}, unknown)
  end)

  it("names only files that there are", function()
    local missing = {}
    for path in readFile(TOUR):gmatch("%f[%w][%l]+/[%l_]+%.[ch]%f[%W]") do
      if not uv.fs_stat("src/" .. path) then missing[#missing + 1] = path end
    end
    assert.same({}, missing)
  end)
end)
