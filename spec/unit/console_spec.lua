-- The parts of the console that are arithmetic: lua/luaws/console/*.lua.

local complete = require "luaws.console.complete"
local show = require "luaws.console.show"

local function refuse() error "a script's code was run" end

-- What can be added to `line`, and the names that would fit, with these globals.
local function completed(line, globals, members)
  local addition, names = complete.line(line, globals, members or function() end)
  return addition, table.concat(names, " ")
end

describe("completion", function()
  local parent = { shout = function() end, size = 3 }
  parent.__index = parent
  local globals = {
    counter = { total = 0, names = { "ann", { first = 1 } }, ["two words"] = 1, [1] = { deep = true } },
    object = setmetatable({ short = 1 }, parent), text = "abc", _hidden = 1, nothing = false,
    trap = setmetatable({}, { __index = refuse, __pairs = refuse, __len = refuse }),
  }

  it("adds what all names have in common", function()
    assert.same({ "nter", "counter" }, { completed("cou", globals) })
    assert.same({ "nter", "counter" }, { completed("print(cou", globals) })
    assert.same({ "", "text then trap true" }, { completed("x = t", globals) })
    assert.same({ "", "" }, { completed("nosuch", globals) })
    assert.same({ "", "" }, { completed("f(", globals) })
  end)

  it("offers fields, and behind a colon functions alone", function()
    assert.same({ "", "names total" }, { completed("counter.", globals) })
    assert.same({ "", "short shout size" }, { completed("object.s", globals) })
    assert.same({ "hout", "shout" }, { completed("object:s", globals) })
    assert.same({ "irst", "first" }, { completed("counter.names[2].f", globals) })
    assert.same({ "eep", "deep" }, { completed("counter[1].d", globals) })
    assert.same({ "mes", "names" }, { completed("counter . na", globals) })
    assert.same({ "", "rep reverse" }, { completed("text:re", globals) })
    assert.same({ "ames", "names" }, { completed("x + counter.n", globals) })
  end)

  it("offers hidden names to who begins them", function()
    assert.same({ "idden", "_hidden" }, { completed("_h", globals) })
  end)

  it("asks luaws's objects, and runs no code of the script's", function()
    local object = io.stdout -- stands in for one
    local function members(value)
      if value == object then return { send = print, status = 1 }, { mine = 1 } end
    end
    assert.same({ "ine", "mine" }, { completed("o.m", { o = object }, members) })
    assert.same({ "d", "send" }, { completed("o:sen", { o = object }, members) })
    assert.same({ "", "" }, { completed("trap.x", globals) })
    assert.same({ "", "" }, { completed("trap.x.y", globals) })
    assert.same({ "", "" }, { completed("nothing.x", globals) })
  end)

  it("has no answer for what isn't a path", function()
    for _, line in ipairs { "f().", "'a'.", "a..", "a.b().c", "counter[i].", "(counter).", "1.", ".", ":", "" } do
      assert.same({ "", "" }, { completed(line, globals) }, line)
    end
  end)

  it("looks at a part of what is large, and adds nothing then", function()
    local large, long = {}, { field = 1 }
    for i = 1, 50000 do
      large["name" .. i] = i
      long[i] = i
    end
    local addition, names = complete.line("t.na", { t = large })
    assert.same({ "", 200 }, { addition, #names })
    assert.equal("eld", (complete.line("t.fi", { t = long })))
  end)

  it("follows no chain of metatables for ever", function()
    local loop = setmetatable({}, {})
    getmetatable(loop).__index = loop
    assert.same({ "", "" }, { completed("loop.x", { loop = loop }) })
  end)
end)

describe("a value shown", function()
  it("runs no code of the script's", function()
    local t = setmetatable({ 1, a = 2 }, { __index = refuse, __pairs = refuse, __len = refuse, __tostring = refuse,
                                           __name = "Thing" })
    assert.equal("Thing { 1, a = 2 }", show(t))
    assert.equal("{ 1 }", show(setmetatable({ 1 }, { __name = 5, __metatable = "locked" })))
  end)

  it("is fit for a terminal", function()
    assert.equal('"\\x1b[2J\\n\\u{202e}\\xff"', show("\27[2J\n\u{202e}\xff"))
    assert.equal('{ ["\\x1b"] = 1 }', show({ ["\27"] = 1 }))
    assert.equal("\\x1b {}", show(setmetatable({}, { __name = "\27" })))
  end)

  it("cuts long strings between characters", function()
    local shown = show(("ä"):rep(2000))
    assert.equal('"' .. ("ä"):rep(1000) .. '"... (4000 bytes)', shown)
    assert.matches("^\"[^\"]*\"%.%.%. %(3000 bytes%)$", show(("\x80"):rep(3000)))
  end)

  it("is bounded, whatever is in it", function()
    local wide, deep = {}, {}
    for i = 1, 100000 do wide["key" .. i] = { i } end
    local at = deep
    for _ = 1, 1000 do at.next = {} at = at.next end
    assert.is_true(#show(wide) < 10000)
    assert.equal("{ next = { next = { next = { ... } } } }", show(deep))
    assert.matches("%.%.%. 99950 more\n}$", show(wide))
  end)

  it("has each table as often as it comes, but not in itself", function()
    local shared, own = { 1 }, {}
    own.own = own
    assert.equal("{ { 1 }, { 1 } }", show({ shared, shared }))
    assert.equal("{ own = { the one around it } }", show(own))
  end)
end)
