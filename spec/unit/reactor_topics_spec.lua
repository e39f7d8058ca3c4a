-- src/reactor/topics.c: the trie of subscriptions, against a naive matcher.

local topics = require("probe").topics

local function split(topic)
  local segments = {}
  for segment in (topic .. "."):gmatch("([^.]*)%.") do segments[#segments + 1] = segment end
  return segments
end

local function matches(pattern, topic)
  local p, t = split(pattern), split(topic)
  for i, segment in ipairs(p) do
    if segment == ">" then return #t >= i end
    if t[i] == nil or (segment ~= "*" and segment ~= t[i]) then return false end
  end
  return #p == #t
end

local function found(t, topic)
  local numbers = t:find(topic)
  table.sort(numbers)
  return numbers
end

describe("topics", function()
  local t
  before_each(function() t = topics.new() end)

  it("reach those who have subscribed, and nobody else", function()
    assert.same({}, found(t, "a"))
    t:subscribe(1, "a")
    t:subscribe(2, "a.b")
    t:subscribe(3, "a")
    t:subscribe(3, "b")
    assert.same({ 1, 3 }, found(t, "a"))
    assert.same({ 2 }, found(t, "a.b"))
    assert.same({ 3 }, found(t, "b"))
    for _, topic in ipairs { "c", "a.c", "a.b.c", "b.a", "ab" } do assert.same({}, found(t, topic)) end
  end)

  it("are matched by '*' in one segment", function()
    t:subscribe(1, "chat.*")
    t:subscribe(2, "*.kitchen")
    t:subscribe(3, "*")
    t:subscribe(4, "*.*")
    t:subscribe(5, "chat.*.loud")
    assert.same({ 1, 2, 4 }, found(t, "chat.kitchen"))
    assert.same({ 1, 4 }, found(t, "chat.hall"))
    assert.same({ 3 }, found(t, "chat"))
    assert.same({ 5 }, found(t, "chat.kitchen.loud"))
  end)

  it("are matched by '>' in one or more segments", function()
    t:subscribe(1, ">")
    t:subscribe(2, "chat.>")
    t:subscribe(3, "*.>")
    assert.same({ 1 }, found(t, "chat"))
    assert.same({ 1, 2, 3 }, found(t, "chat.kitchen"))
    assert.same({ 1, 2, 3 }, found(t, "chat.kitchen.loud"))
    assert.same({ 1, 3 }, found(t, "news.today"))
  end)

  it("find each subscriber once, however many of its patterns match", function()
    for _, pattern in ipairs { "a.b", "a.*", "*.b", "*.*", "a.>", ">" } do
      t:subscribe(1, pattern)
      t:subscribe(2, pattern)
    end
    t:subscribe(3, "a.b")
    for _ = 1, 3 do assert.same({ 1, 2, 3 }, found(t, "a.b")) end
    t:unsubscribe(1, "a.b")
    assert.same({ 1, 2, 3 }, found(t, "a.b"))
    assert.same({ 1, 2 }, found(t, "a.c"))
  end)

  it("take a subscription once, and lose it once", function()
    assert.is_true(t:subscribe(1, "a.>"))
    assert.is_false(t:subscribe(1, "a.>"))
    assert.same({ 1 }, found(t, "a.b"))
    assert.is_true(t:unsubscribe(1, "a.>"))
    assert.is_false(t:unsubscribe(1, "a.>"))
    assert.is_false(t:unsubscribe(2, "a.>"))
    assert.same({}, found(t, "a.b"))
  end)

  it("keep nothing of what has ended", function()
    t:subscribe(1, "a.b.c.d")
    t:subscribe(1, "a.b.*.>")
    t:subscribe(2, "a.b")
    t:unsubscribe(1, "a.b.c.d")
    assert.same({ 2, 2 }, { t:size() })
    t:leave(1)
    assert.same({ 2, 1 }, { t:size() })
    assert.same({ 2 }, found(t, "a.b"))
    t:leave(2)
    assert.is_nil(t:size())
    t:leave(2)
  end)

  it("don't unsubscribe what only looks alike", function()
    t:subscribe(1, "a.b")
    t:subscribe(2, "a.*")
    for _, topic in ipairs { "a", "a.*", "a.>", "*.b", "b", "a.b.c" } do assert.is_false(t:unsubscribe(1, topic)) end
    assert.is_false(t:unsubscribe(2, "a.b"))
    assert.same({ 1, 2 }, found(t, "a.b"))
  end)

  it("may have as many segments as fit into 255 bytes", function()
    local topic = ("a."):rep(127) .. "a"
    local pattern = ("*."):rep(127) .. "*"
    t:subscribe(1, topic)
    t:subscribe(2, pattern)
    assert.same({ 1, 2 }, found(t, topic))
    t:leave(1)
    assert.same({ 2 }, found(t, topic))
  end)

  it("agree with a naive matcher through random subscriptions", function()
    math.randomseed(42)
    local words, model = { "a", "b", "c", "*", ">" }, {}
    local function random(isPattern)
      local segments, count = {}, math.random(4)
      for i = 1, count do segments[i] = words[math.random(isPattern and (i == count and 5 or 4) or 3)] end
      return table.concat(segments, ".")
    end
    for i = 0, 39 do model[i] = {} end
    for step = 1, 6000 do
      local who, pattern = math.random(0, 39), random(true)
      local dice = math.random()
      if dice < 0.55 then
        assert.equal(model[who][pattern] == nil, t:subscribe(who, pattern))
        model[who][pattern] = true
      elseif dice < 0.97 then
        pattern = dice < 0.9 and next(model[who]) or pattern
        assert.equal(model[who][pattern] ~= nil, t:unsubscribe(who, pattern))
        model[who][pattern] = nil
      else
        t:leave(who)
        model[who] = {}
      end
      if step % 3 == 0 then
        local topic, expected = random(false), {}
        for i = 0, 39 do
          for subscribed in pairs(model[i]) do
            if matches(subscribed, topic) then
              expected[#expected + 1] = i
              break
            end
          end
        end
        assert.same(expected, found(t, topic))
      end
    end
    for i = 0, 39 do t:leave(i) end
    assert.is_nil(t:size())
  end)
end)

describe("a search among 100,000 topics", function()
  -- Twice the steps is what is promised; chance in the hash table's chains is far below the rest.
  local function averageSteps(count)
    local t, total, searches = topics.new(), 0, 1000
    for i = 1, count do t:subscribe(i % 4096, ("room.%d.news"):format(i)) end
    for i = 1, 10 do t:subscribe(i, ("room.*.%d"):format(i)) end
    for i = 1, searches do
      local numbers, steps = t:find(("room.%d.news"):format(i * 7919 % count + 1))
      assert.equal(1, #numbers)
      total = total + steps
    end
    return total / searches
  end

  it("costs at most twice as many steps as among 10", function()
    local few, many = averageSteps(10), averageSteps(100000)
    assert.is_true(many <= 2 * few, ("%.2f steps against %.2f"):format(many, few))
  end)
end)
