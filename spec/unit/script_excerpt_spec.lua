-- src/script/excerpt: the lines of a source around one of them, whatever the file holds by now.

local uv = require "luv"
local files = require "spec.support.files"
local probe = require "probe"
local excerpt = probe.excerpt

local REPLACEMENT = "\u{FFFD}"

-- The same whether it comes from a file or from a text.
local function excerptOf(text, line)
  local path = os.tmpname()
  finally(function() os.remove(path) end)
  files.write(path, text)
  local ofFile = excerpt.ofFile(path, line)
  assert.equal(ofFile, excerpt.ofText(text, line))
  return ofFile
end

describe("an excerpt", function()
  it("has the line with a marker, and the ones around it", function()
    assert.equal("    1 | one\n  > 2 | two\n    3 | three", excerptOf("one\ntwo\nthree\nfour\n", 2))
  end)

  it("has what there is at both ends", function()
    assert.equal("  > 1 | one\n    2 | two", excerptOf("one\ntwo\n", 1))
    assert.equal("    1 | one\n  > 2 | two", excerptOf("one\ntwo\n", 2))
    assert.equal("    1 | one\n  > 2 | two", excerptOf("one\ntwo", 2))
    assert.equal("  > 1 | one", excerptOf("one", 1))
  end)

  it("puts the numbers below each other", function()
    assert.equal("     9 | 9\n  > 10 | 10\n    11 | 11", excerptOf("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11", 10))
    assert.equal("     8 | 8\n  >  9 | 9\n    10 | 10", excerptOf("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11", 9))
  end)

  it("shows empty lines without blanks at their end", function()
    assert.equal("    1 |\n  > 2 |\n    3 | x", excerptOf("\n\nx\n", 2))
  end)

  it("takes the line ends of DOS", function()
    assert.equal("    1 | one\n  > 2 | two\n    3 | three", excerptOf("one\r\ntwo\r\nthree\r\n", 2))
  end)

  it("writes tabs as blanks, up to the next fourth column", function()
    assert.equal("  > 1 |     x   y", excerptOf("\tx\ty", 1))
  end)

  it("cuts long lines, never through a character", function()
    assert.equal("  > 1 | " .. ("x"):rep(120), excerptOf(("x"):rep(120), 1))
    assert.equal("  > 1 | " .. ("x"):rep(120) .. "...", excerptOf(("x"):rep(121), 1))
    assert.equal("  > 1 | " .. ("x"):rep(120) .. "...", excerptOf(("x"):rep(100000), 1))
    assert.equal("  > 1 | " .. ("ä"):rep(120) .. "...", excerptOf(("ä"):rep(121), 1))
    assert.equal("  > 1 | " .. ("🜁"):rep(120), excerptOf(("🜁"):rep(120), 1))
    assert.equal("  > 1 | " .. ("🜁"):rep(120) .. "...", excerptOf(("🜁"):rep(121), 1))
    assert.equal("    1 | " .. ("x🜁"):rep(60) .. "...\n  > 2 | " .. ("🜁"):rep(120) .. "...",
      excerptOf(("x🜁"):rep(400) .. "\n" .. ("🜁"):rep(400), 2))
  end)

  it("replaces control characters and what isn't UTF-8", function()
    assert.equal("  > 1 | a" .. REPLACEMENT .. "[31mb", excerptOf("a\27[31mb", 1))
    assert.equal("  > 1 | a" .. REPLACEMENT .. "b", excerptOf("a\xffb", 1))
    assert.equal("  > 1 | a" .. REPLACEMENT, excerptOf("a\xc3", 1))
    assert.equal("  > 1 | a" .. REPLACEMENT .. "b" .. REPLACEMENT, excerptOf("a\0b\u{9b}", 1))
    assert.equal("  > 1 | " .. REPLACEMENT:rep(120) .. "...", excerptOf(("\xff"):rep(1000), 1))
  end)

  it("is nil for a line that isn't there", function()
    assert.is_nil(excerptOf("", 1))
    assert.is_nil(excerptOf("one\n", 2))
    assert.is_nil(excerptOf("one\n", 0))
    assert.is_nil(excerptOf("one\n", -1))
    assert.is_nil(excerptOf("one\n", math.maxinteger >> 32))
    assert.is_nil(excerpt.ofFile("spec/unit/script_excerpt_spec.lua", math.maxinteger))
  end)

  it("is nil for what is no file to read", function()
    assert.is_nil(excerpt.ofFile("no such file", 1))
    assert.is_nil(excerpt.ofFile("spec", 1))
    assert.is_nil(excerpt.ofFile("/dev/zero", 1))
    assert.is_nil(excerpt.ofFile("", 1))
  end)

  it("does not wait for a pipe", function()
    local path = os.tmpname()
    finally(function() os.remove(path) end)
    os.remove(path)
    assert(os.execute("mkfifo " .. path))
    assert.is_nil(excerpt.ofFile(path, 1))
  end)

  it("doesn't look through a huge file", function()
    local path = os.tmpname()
    finally(function() os.remove(path) end)
    local file = assert(uv.fs_open(path, "w", 384))
    assert(uv.fs_ftruncate(file, 1 << 40))
    assert(uv.fs_write(file, "first\n", 0))
    assert(uv.fs_close(file))
    assert.matches("^  > 1 | first\n    2 | " .. REPLACEMENT, excerpt.ofFile(path, 1))
    assert.is_nil(excerpt.ofFile(path, 3))
  end)

  it("is found by a script, too", function()
    local server = require "spec.support.server"
    local child = server.run([[print(require "luaws.excerpt"(arg[0], 1))
      os.exit(0)]])
    assert.matches('  > 1 | print%(require "luaws.excerpt"', child.stdout)
  end)
end)
