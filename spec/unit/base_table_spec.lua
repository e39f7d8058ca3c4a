-- src/base/hash, src/base/table: SipHash and a hash table of intrusive nodes.

local hashing = require("probe").table

describe("the hash", function()
  it("is SipHash-2-4, by its authors' test vectors", function()
    local k0, k1 = 0x0706050403020100, 0x0f0e0d0c0b0a0908
    local bytes = ""
    for i = 0, 14 do bytes = bytes .. string.char(i) end
    assert.equal(0x726fdb47dd0e0e31, hashing.hash(k0, k1, ""))
    assert.equal(0x74f839c593dc67fd, hashing.hash(k0, k1, bytes:sub(1, 1)))
    assert.equal(0x93f5f5799a932462, hashing.hash(k0, k1, bytes:sub(1, 8)))
    assert.equal(0xa129ca6149be45e5, hashing.hash(k0, k1, bytes))
  end)

  it("has another key each time", function()
    local a, b = hashing.key()
    local c, d = hashing.key()
    assert.is_true(a ~= c and b ~= d)
  end)
end)

describe("a hash table", function()
  it("holds no memory while it is empty", function()
    local t = hashing.new()
    assert.is_false(t:has(1, 1))
    assert.same({ 0, 0 }, { t:size() })
    t:add(1, 1)
    assert.is_true(select(2, t:size()) > 0)
    t:remove(1, 1)
    assert.same({ 0, 0 }, { t:size() })
  end)

  it("keeps apart what has the same hash, and what has the same bucket", function()
    local t = hashing.new()
    for i = 1, 10 do
      t:add(5, i)
      t:add(5 + (i << 32), i)
    end
    t:remove(5, 4)
    assert.is_false(t:has(5, 4))
    assert.is_true(t:has(5, 5))
    assert.is_true(t:has(5 + (4 << 32), 4))
  end)

  it("agrees with a Lua table through 20,000 random steps, grows and shrinks", function()
    math.randomseed(7)
    local t, live, most = hashing.new(), {}, 0
    for step = 1, 20000 do
      local grows = step <= 10000
      if #live == 0 or math.random() < (grows and 0.8 or 0.2) then
        local entry = { hash = math.random(0, 200) << math.random(0, 20), value = step }
        t:add(entry.hash, entry.value)
        live[#live + 1] = entry
      else
        local entry = table.remove(live, math.random(#live))
        t:remove(entry.hash, entry.value)
        assert.is_false(t:has(entry.hash, entry.value))
      end
      local probe = live[math.random(math.max(#live, 1))]
      if probe then assert.is_true(t:has(probe.hash, probe.value)) end
      local used, buckets = t:size()
      assert.equal(#live, used)
      assert.is_true(buckets >= used)
      most = math.max(most, buckets)
    end
    while #live > 0 do
      local entry = table.remove(live)
      t:remove(entry.hash, entry.value)
      local used, buckets = t:size()
      assert.is_true(buckets <= math.max(16, used * 16))
    end
    assert.is_true(most >= 4096)
  end)
end)
