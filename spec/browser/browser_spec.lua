-- Runs the chat in headless Chromium (run.mjs) where there is one; make test-browser installs it.

local uv = require "luv"
local async = require "spec.support.async"

local CHROMIUM = "/usr/bin/chromium"

local function hasNode()
  local pipe = io.popen("command -v node")
  local found = pipe:read("a") ~= ""
  pipe:close()
  return found
end

local function missing()
  if not uv.fs_stat(CHROMIUM) then return "Chromium is missing: make test-browser installs it" end
  if not hasNode() then return "node is missing: make test-browser installs it" end
  if not uv.fs_stat("node_modules/playwright-core") then
    return "playwright-core is missing: make test-browser fetches it from npm"
  end
  return nil
end

-- The exit code of node, and what it printed.
local function runNode(script)
  local pipe, chunks = uv.new_pipe(false), {}
  local code = async.await(function(done)
    local exitCode, ended
    local function finish()
      if exitCode and ended then done(exitCode) end
    end
    local process
    process = assert(uv.spawn("node", { args = { script }, stdio = { nil, pipe, pipe } },
      function(status)
        process:close()
        exitCode = status
        finish()
      end))
    pipe:read_start(function(_, chunk)
      chunks[#chunks + 1] = chunk
      if chunk then return end
      pipe:close()
      ended = true
      finish()
    end)
  end, 100, "the browser")
  return code, table.concat(chunks)
end

describe("the chat in a browser", function()
  it("passes run.mjs", function()
    local reason = missing()
    if reason then pending(reason) end
    local code, output = runNode("spec/browser/run.mjs")
    assert(code == 0, output)
    io.write(output)
  end)
end)
