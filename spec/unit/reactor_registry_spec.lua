-- src/reactor/registry.c: handles that a late command can't mistake.

local reactor = require("probe").reactor

describe("the registry", function()
  it("finds what was added, by a handle that is never 0", function()
    local r = reactor.registry()
    local handles = {}
    for i = 1, 3000 do handles[i] = r:add(i) end
    for i = 1, 3000 do
      assert.is_true(handles[i] ~= 0)
      assert.equal(i, r:find(handles[i]))
    end
  end)

  it("finds nothing by the handle of what was removed, also when its slot is used again", function()
    local r = reactor.registry()
    local old = r:add(1)
    r:remove(old)
    assert.is_nil(r:find(old))
    local new = r:add(2)
    assert.equal(old & 0xffffffff, new & 0xffffffff) -- the same slot
    assert.is_true(old ~= new)
    assert.is_nil(r:find(old))
    assert.equal(2, r:find(new))
  end)

  it("puts the reactor's index into its handles", function()
    assert.equal(3, reactor.registry(3):add(1) >> 56)
  end)

  it("knows handles that were never given from those that were", function()
    local r = reactor.registry()
    local handle = r:add(1)
    assert.is_nil(r:find(0))
    assert.is_nil(r:find(handle + 1))
    assert.is_nil(r:find(handle + (1 << 32)))
    assert.is_nil(r:find(0x00ffffffffffffff))
  end)

  it("agrees with a table through ten thousand random steps", function()
    math.randomseed(1)
    local r, live, dead = reactor.registry(), {}, {}
    for step = 1, 10000 do
      if #live > 0 and math.random() < 0.5 then
        local entry = table.remove(live, math.random(#live))
        r:remove(entry.handle)
        dead[#dead + 1] = entry.handle
      else
        live[#live + 1] = { handle = r:add(step), value = step }
      end
      local entry = live[math.random(math.max(#live, 1))]
      if entry then assert.equal(entry.value, r:find(entry.handle)) end
      if #dead > 0 then assert.is_nil(r:find(dead[math.random(#dead)])) end
    end
  end)
end)
