-- lua/luaws/class.lua: instances, inheritance, metamethods, and methods that are replaced.

local class = require "luaws.class"

-- Calls `f`, which stands on one line, and returns the message of the error that it raises, checked to
-- have that line's position.
local function misuse(f)
  local ok, message = pcall(f)
  assert.is_false(ok)
  local position = ("spec/unit/class_spec.lua:%d: "):format(debug.getinfo(f, "S").linedefined)
  assert.equal(position, message:sub(1, #position))
  return message:sub(#position + 1)
end

describe("luaws.class", function()
  it("makes instances that have the class's methods", function()
    local Chat = class "Chat"
    function Chat:greet(name) return name .. " to " .. self.room end
    local a, b = Chat.new(), Chat.new()
    a.room, b.room = "A", "B"
    assert.equal("ann to A", a:greet "ann")
    assert.equal("ann to B", b:greet "ann")
    assert.not_equal(a, b)
    assert.equal(Chat, getmetatable(a))
  end)

  it("passes new's arguments to the constructor", function()
    local Point = class "Point"
    function Point:constructor(...)
      self.count, self.values = select("#", ...), { ... }
      return "is not looked at"
    end
    local p = Point.new(1, nil, false, nil)
    assert.equal(4, p.count)
    assert.same({ 1, nil, false }, p.values)
    assert.equal("table", type(p))
    assert.is_nil(next(class "Empty".new(1, 2)))
  end)

  it("lets an error of the constructor through as it is", function()
    local C = class "C"
    local err = {}
    function C:constructor() error(err) end
    local ok, got = pcall(C.new)
    assert.is_false(ok)
    assert.equal(err, got)
  end)

  it("lets a constructor wait", function()
    local C = class "C"
    function C:constructor() self.got = coroutine.yield() end
    local co = coroutine.wrap(function() return C.new() end)
    co()
    assert.equal(42, co(42).got)
  end)

  it("describes itself and its instances", function()
    local Chat = class "Chat"
    assert.equal("class Chat", tostring(Chat))
    assert.matches("^Chat: 0?x?%x+$", tostring(Chat.new()))
    function Chat:__tostring() return "a chat about " .. self.topic end
    local chat = Chat.new()
    chat.topic = "tea"
    assert.equal("a chat about tea", tostring(chat))
    assert.equal("class Chat", tostring(Chat))
  end)

  it("refuses wrong names and parents at the caller's line", function()
    assert.equal("luaws.class: expected a name (a string), got nil", misuse(function() class() end))
    assert.equal("luaws.class: expected a name (a string), got number", misuse(function() class(1) end))
    assert.equal("luaws.class: expected a name (a string), got string ''", misuse(function() class "" end))
    assert.equal("luaws.class: expected a class as parent, got string 'Animal'",
                 misuse(function() class("Dog", "Animal") end))
    assert.equal("luaws.class: expected a class as parent, got table", misuse(function() class("Dog", {}) end))
    assert.equal("luaws.class: expected a class as parent, got boolean", misuse(function() class("Dog", false) end))
    local animal = class "Animal".new()
    assert.equal("luaws.class: expected a class as parent, got table", misuse(function() class("Dog", animal) end))
  end)

  it("says so when new is called with a colon", function()
    local Dog = class "Dog"
    assert.equal("Dog.new is called with a dot, not with a colon", misuse(function() Dog:new("Rex") end))
  end)

  it("counts a replaced method at once, in live objects too", function()
    local Base = class "Base"
    function Base:value() return 1 end
    local Sub = class("Sub", Base)
    local base, sub = Base.new(), Sub.new()
    function Base:value() return 2 end
    assert.equal(2, base:value())
    assert.equal(2, sub:value())
    function Base:added() return 3 end
    assert.equal(3, sub:added())
    function Sub:value() return 4 end
    assert.equal(2, base:value())
    assert.equal(4, sub:value())
    Sub.value = nil
    assert.equal(2, sub:value())
  end)
end)

describe("a subclass", function()
  local Animal = class "Animal"
  function Animal:constructor(name) self.name = name end
  function Animal:speak() return self.name .. " says " .. self:sound() end
  function Animal:sound() return "nothing" end

  local Dog = class("Dog", Animal)
  function Dog:constructor(name, trick)
    Dog.super.constructor(self, name)
    self.trick = trick
  end
  function Dog:sound() return "wuff" end

  local Puppy = class("Puppy", Dog)

  it("inherits methods and overrides them", function()
    assert.equal("Tom says nothing", Animal.new("Tom"):speak())
    assert.equal("Rex says wuff", Dog.new("Rex"):speak())
    assert.equal("Bo says wuff", Puppy.new("Bo"):speak())
  end)

  it("calls the inherited constructor, and its parent's by way of super", function()
    local puppy = Puppy.new("Bo", "roll")
    assert.equal("Bo", puppy.name)
    assert.equal("roll", puppy.trick)
    assert.equal(Puppy, getmetatable(puppy))
  end)

  it("knows its parent", function()
    assert.is_nil(Animal.super)
    assert.equal(Animal, Dog.super)
    assert.equal(Dog, Puppy.super)
  end)

  it("has a name of its own", function()
    assert.equal("class Puppy", tostring(Puppy))
    assert.matches("^Puppy: ", tostring(Puppy.new("Bo")))
  end)

  it("does not change its parent", function()
    assert.is_nil(rawget(Animal, "trick"))
    assert.equal("nothing", Animal.new("Tom"):sound())
  end)
end)

describe("metamethods", function()
  it("are inherited, over several generations", function()
    local Base = class "Base"
    function Base:__tostring() return "<" .. self.name .. ">" end
    function Base.__eq(a, b) return a.name == b.name end
    function Base.__lt(a, b) return a.name < b.name end
    function Base.__concat(a, b) return tostring(a) .. tostring(b) end
    function Base:__len() return #self.name end
    function Base:__call(a, b) return self.name, a, b end
    function Base:constructor(name) self.name = name end
    local Sub = class("Sub", class("Middle", Base))
    local a, b = Sub.new("a"), Sub.new("b")
    assert.equal("<a>", tostring(a))
    assert.is_true(a == Sub.new("a"))
    assert.is_false(a == b)
    assert.is_true(a < b)
    assert.equal("<a><b>", a .. b)
    assert.equal("<a>!", a .. "!")
    assert.equal(1, #a)
    assert.same({ "a", 1, 2 }, { a(1, 2) })
  end)

  it("may be added to the parent later, and replaced", function()
    local Base = class "Base"
    local Sub = class("Sub", class("Middle", Base))
    local object = Sub.new()
    assert.matches("^Sub: ", tostring(object))
    function Base:__tostring() return "first" end
    assert.equal("first", tostring(object))
    function Base:__tostring() return "second" end
    assert.equal("second", tostring(object))
  end)

  it("may be overridden, before and after the parent has them", function()
    local Base = class "Base"
    local Early = class("Early", Base)
    function Early:__tostring() return "early" end
    function Base:__tostring() return "base" end
    local Late = class("Late", Base)
    local Child = class("Child", Late)
    assert.equal("base", tostring(Child.new()))
    function Late:__tostring() return "late" end
    assert.equal("early", tostring(Early.new()))
    assert.equal("late", tostring(Late.new()))
    assert.equal("late", tostring(Child.new()))
    assert.equal("base", tostring(Base.new()))
  end)

  it("that are no functions are inherited as they are", function()
    local Base = class "Base"
    Base.__mode = "k"
    local Sub = class("Sub", Base)
    local object = Sub.new()
    object[{}] = 1
    collectgarbage()
    assert.is_nil(next(object))
  end)

  it("include __gc and __close", function()
    local Base = class "Base"
    local seen = {}
    function Base:__gc() seen[#seen + 1] = "gc" end
    function Base:__close() seen[#seen + 1] = "close" end
    local Sub = class("Sub", Base)
    do local object <close> = Sub.new() end -- luacheck: ignore 211
    assert.same({ "close" }, seen)
    collectgarbage()
    collectgarbage()
    assert.same({ "close", "gc" }, seen)
  end)

  it("do not include __index: it is each class's own", function()
    local Base = class "Base"
    function Base:method() return "base" end
    local plain = Base.new()
    function Base.__index(_, key) return "made up: " .. key end
    assert.equal("made up: x", plain.x)
    assert.equal("base", class("Sub", Base).new():method())
  end)
end)

it("classes that nobody holds are collected", function()
  local Base = class "Base"
  local seen = setmetatable({}, { __mode = "k" })
  for _ = 1, 10 do seen[class("Sub", Base)] = true end
  collectgarbage()
  collectgarbage()
  assert.is_nil(next(seen))
end)
