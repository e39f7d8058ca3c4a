-- src/base/list: rings of nodes, against arrays.

local base = require("probe").base

local function reversed(t)
  local r = {}
  for i = #t, 1, -1 do r[#r + 1] = t[i] end
  return r
end

describe("a list", function()
  local rings
  before_each(function() rings = base.rings() end)

  local function assertRing(expected, ring)
    assert.same(expected, rings:forwards(ring))
    assert.same(reversed(expected), rings:backwards(ring))
  end

  it("is empty at first", function()
    assertRing({}, 1)
    assert.is_nil(rings:pop(1))
  end)

  it("keeps what is pushed in order", function()
    for i = 1, 3 do rings:push(1, i) end
    assertRing({ 1, 2, 3 }, 1)
    assert.equal(1, rings:pop(1))
    assertRing({ 2, 3 }, 1)
  end)

  it("loses what is removed, wherever it stands", function()
    for i = 1, 5 do rings:push(1, i) end
    for _, node in ipairs { 3, 1, 5 } do rings:remove(node) end
    assertRing({ 2, 4 }, 1)
    rings:push(1, 3)
    assertRing({ 2, 4, 3 }, 1)
  end)

  it("lets a node be removed that is on no list", function()
    rings:remove(7)
    rings:push(1, 7)
    rings:remove(7)
    rings:remove(7)
    assertRing({}, 1)
    rings:push(1, 8)
    rings:pop(1)
    rings:remove(8)
    assertRing({}, 1)
  end)

  it("takes all of another list over", function()
    rings:splice(1, 2)
    assertRing({}, 1)
    rings:push(2, 3)
    rings:push(2, 4)
    rings:splice(1, 2)
    assertRing({ 3, 4 }, 1)
    assertRing({}, 2)
    rings:push(2, 5)
    rings:splice(1, 2)
    assertRing({ 3, 4, 5 }, 1)
    rings:splice(1, 2)
    assertRing({ 3, 4, 5 }, 1)
    rings:push(2, 6)
    assertRing({ 6 }, 2)
  end)

  it("does as arrays do, in ten thousand random steps", function()
    math.randomseed(99)
    local model, place = { {}, {} }, {}
    local function drop(node)
      local ring = model[place[node]]
      for i, other in ipairs(ring or {}) do
        if other == node then table.remove(ring, i) end
      end
      place[node] = nil
    end
    for step = 1, 10000 do
      local kind, ring, node = math.random(10), math.random(2), math.random(256)
      if kind <= 5 then
        if not place[node] then
          rings:push(ring, node)
          table.insert(model[ring], node)
          place[node] = ring
        end
      elseif kind <= 7 then
        rings:remove(node)
        drop(node)
      elseif kind <= 9 then
        local first = table.remove(model[ring], 1)
        assert.equal(first, (rings:pop(ring)))
        if first then place[first] = nil end
      elseif math.random(20) == 1 then
        rings:splice(ring, 3 - ring)
        for _, moved in ipairs(model[3 - ring]) do
          table.insert(model[ring], moved)
          place[moved] = ring
        end
        model[3 - ring] = {}
      end
      if step % 50 == 0 then
        assertRing(model[1], 1)
        assertRing(model[2], 2)
      end
    end
  end)
end)
