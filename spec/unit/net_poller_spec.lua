-- src/net/poller.c: which sockets are ready.

local poller = require("probe").poller

-- What uv_poll_t, where there is no epoll, spares or can't do.
local function epoll(name, test)
  if poller.isEpoll then it(name, test) end
end

describe("a poller", function()
  local p
  before_each(function()
    p = poller.new()
    for i = 1, 3 do p:add(i) end
  end)

  local function sorted(reports)
    table.sort(reports)
    return reports
  end

  it("reports who can be read, and nobody else", function()
    assert.same({}, p:turn())
    p:write(1, "a")
    p:write(3, "c")
    assert.same({ "read 1", "read 3" }, sorted(p:turn()))
    p:read(1, 10)
    p:read(3, 10)
    assert.same({}, p:turn())
    p:write(3, "more")
    assert.same({ "read 3" }, p:turn())
  end)

  it("reports once more after a read that may have left something", function()
    p:write(1, "abc")
    assert.same({ "read 1" }, p:turn())
    assert.equal("ab", (p:read(1, 2)))
    p:readOn(1)
    assert.same({ "read 1" }, p:turn())
    assert.equal("c", (p:read(1, 2)))
    p:readOn(1)
    assert.same({}, p:turn())
  end)

  epoll("tells whether an end comes behind the bytes", function()
    p:write(1, "abc")
    p:turn()
    assert.is_false((select(2, p:read(1, 10))))
    p:write(2, "abc")
    p:write(2, nil)
    assert.same({ "read 2" }, p:turn())
    local bytes, isEnding = p:read(2, 10)
    assert.equal("abc", bytes)
    assert.is_true(isEnding)
    p:readOn(2)
    assert.same({ "read 2" }, p:turn())
    assert.equal("", (p:read(2, 10)))
  end)

  it("keeps silent about who wants nothing, and reports what came meanwhile afterwards", function()
    p:want(1, false, false)
    p:write(1, "abc")
    assert.same({}, p:turn())
    p:write(1, nil)
    assert.same({}, p:turn())
    assert.same({}, p:turn())
    p:want(1, true, false)
    assert.same({ "read 1" }, p:turn())
  end)

  it("reports that writing is possible in every turn in which it is wanted", function()
    p:want(1, true, true)
    p:want(2, false, true)
    assert.same({ "write 1", "write 2" }, sorted(p:turn()))
    p:write(1, "a")
    p:write(2, "b")
    assert.same({ "both 1", "write 2" }, sorted(p:turn()))
    p:want(1, true, false)
    p:want(2, true, false)
    assert.same({ "read 1", "read 2" }, sorted(p:turn()))
  end)

  it("reports nothing of who was removed but its end, by the sweep at the latest", function()
    p:write(1, "a")
    p:remove(1)
    local reports = p:turn()
    table.move(p:sweep(), 1, 1, #reports + 1, reports)
    assert.same({ "removed 1" }, reports)
    assert.same({}, p:sweep())
  end)

  epoll("stops when halted, and goes on with the rest alone", function()
    for i = 1, 2 do p:write(i, "x") end
    p:halts(true)
    local reports = { p:turn()[1], p:resume()[1] }
    assert.same({ "read 1", "read 2" }, sorted(reports))
    assert.same({}, p:resume())
    assert.same({}, p:turn())
  end)

  epoll("forgets who is removed before its turn comes", function()
    for i = 1, 3 do p:write(i, "x") end
    p:halts(true)
    local first = p:turn()[1]
    for i = 1, 3 do p:remove(i) end
    p:sweep()
    p:add(1)
    p:halts(false)
    assert.is_string(first)
    assert.same({}, p:resume())
    assert.same({}, p:turn())
  end)

  it("reports a silent socket once more when it is asked to, if that wants to be read", function()
    p:report(1)
    p:report(1)
    p:report(2)
    p:want(2, false, true)
    assert.is_true(p:hasRest())
    assert.same({ "read 1" }, p:resume())
    assert.is_false(p:hasRest())
    assert.same({}, p:resume())
    p:report(1)
    assert.same({ "read 1" }, p:resume())
  end)

  it("forgets such a wish with who is removed", function()
    p:report(1)
    p:report(2)
    p:remove(1)
    assert.same({ "removed 1" }, p:sweep())
    assert.same({ "read 2" }, p:resume())
  end)

  it("forgets it of who is removed while it is reported", function()
    p:report(1)
    p:leaves(true)
    assert.same({ "read 1" }, p:resume())
    p:leaves(false)
    assert.same({}, p:resume())
    assert.same({ "removed 1" }, p:sweep())
    assert.same({}, p:resume())
  end)

  it("halts among such wishes, too, and keeps their order", function()
    for i = 1, 3 do p:report(i) end
    p:halts(true)
    assert.same({ "read 1" }, p:resume())
    p:report(1)
    assert.same({ "read 2" }, p:resume())
    p:halts(false)
    assert.same({ "read 3", "read 1" }, p:resume())
  end)

  epoll("looks at the sockets though wishes wait", function()
    p:report(1)
    p:write(2, "x")
    assert.same({ "read 1", "read 2" }, sorted(p:turn()))
  end)

  it("lets only a few pieces of long work be done in each turn", function()
    local function count()
      local n = 0
      while p:toil() do n = n + 1 end
      return n
    end
    local n = count()
    assert.is_true(n >= 1 and n <= 16)
    assert.equal(0, count())
    p:sweep()
    assert.equal(n, count())
  end)
end)
