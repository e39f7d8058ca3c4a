-- luaws-spec --conformance, as somebody calls it who tests a server of their own.

local uv = require "luv"
local process = require "spec.support.process"
local server = require "spec.support.server"
local readFile = require("spec.support.files").read

local function run(...)
  local child = process.run(uv.exepath(), { "--conformance", ... }, 90)
  child.last = child.stdout:match("([^\n]*)\n$")
  return child
end

local function urlOf(s)
  return ("ws://127.0.0.1:%d/"):format(s.port)
end

describe("luaws-spec --conformance", function()
  it("runs what --only names, counts in its last line, and writes the outcomes", function()
    local s = server.startFile("spec/conformance/peers/luaws.lua")
    local path = server.folder() .. "/out.txt"
    local child = run(urlOf(s), "--only", "2.1", "--only", "2.5", "--slowly", "--out", path)
    assert.same({ "0 non-strict, 0 skipped\n2 passed, 0 failed\n", 0 }, { child.stdout, child.code })
    assert.equal(urlOf(s) .. "\noutcome; Autobahn's catalogue: 2 passed, 0 non-strict, 0 failed, 0 skipped\n\n"
      .. ("%-16s passed\n%-16s passed\n"):format("2.1", "2.5"), readFile(path))
  end)

  it("takes a path, and offers permessage-deflate with --compressed", function()
    local s = server.start([[
      serve({ onMessage = function(_, ws, event) ws:send(event.data, event.isBinary) end },
        { path = "/echo", compression = true })
    ]])
    assert.equal("11 passed, 0 failed", run(urlOf(s) .. "echo", "--only", "2", "--compressed").last)
    assert.equal("0 passed, 11 failed", run(urlOf(s) .. "other", "--only", "2").last)
  end)

  it("prints a line for each case that fails, and says so to the shell", function()
    local s = server.start("serve({ onMessage = function(_, ws) ws:send 'something else' end })")
    local child = run(urlOf(s), "--only", "1.1.1", "--only", "2.1")
    assert.equal('1.1.1 failed: expected text "", got text "something else" (a text message of 0 bytes comes back)\n'
      .. "0 non-strict, 0 skipped\n1 passed, 1 failed\n", child.stdout)
    assert.equal(1, child.code)
  end)

  it("says what is wrong with its arguments", function()
    for _, row in ipairs({
      { "a URL is missing" },
      { "not a URL of the form", "http://127.0.0.1/" },
      { "unknown option", "ws://127.0.0.1/", "--slow" },
      { "no case has such a name", "ws://127.0.0.1/", "--only", "99" },
      { "--only needs a value", "ws://127.0.0.1/", "--only" },
    }) do
      local child = run(table.unpack(row, 2))
      assert.truthy(child.stderr:find(row[1], 1, true), child.stderr)
      assert.not_equal(0, child.code)
    end
  end)

  it("lists the cases", function()
    local child = run("--list", "--only", "7.3.1")
    assert.equal("7.3.1\ta close without a code is answered so, or with 1000\n", child.stdout:match("^[^\n]*\n"))
  end)
end)
