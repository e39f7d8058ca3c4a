-- Runs the pages of examples in headless Chromium where there is one; make test-browser installs it, and by
-- LUAWS_BROWSER=required doesn't take its absence for an answer.

local uv = require "luv"
local process = require "spec.support.process"

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

local function passes(script)
  local reason = missing()
  assert(not reason or os.getenv("LUAWS_BROWSER") ~= "required", reason)
  if reason then pending(reason) end
  local run = process.run("node", { script }, 170)
  assert(run.code == 0, run.stdout .. run.stderr)
  io.write(run.stdout)
end

describe("in a browser", function()
  it("the chat passes run.mjs", function() passes("spec/browser/run.mjs") end)
  it("the page for secrets passes secure.mjs", function() passes("spec/browser/secure.mjs") end)
  it("pages that are being edited pass refresh.mjs", function() passes("spec/browser/refresh.mjs") end)
end)
