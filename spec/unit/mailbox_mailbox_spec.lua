-- src/mailbox: blocks of records from one thread to another.

local mailbox = require("probe").mailbox

local BLOCK_SIZE = mailbox.BLOCK_SIZE

describe("a batch", function()
  local mb
  before_each(function() mb = mailbox.new() end)

  it("hands over what was pushed, in order, in one block", function()
    mb:push(1, 10, "one")
    mb:push(2, 20, "")
    mb:push(3, 30, "a longer payload")
    assert.is_true(mb:flush())
    assert.same({ { { 1, 10, "one" }, { 2, 20, "" }, { 3, 30, "a longer payload" } } }, mb:take())
  end)

  it("hands over nothing when it holds nothing", function()
    assert.is_false(mb:flush())
    assert.same({}, mb:take())
    assert.equal(0, mb:stats().blocks)
  end)

  it("hands a full block over by itself", function()
    local payload = ("x"):rep(1000)
    for i = 1, 1000 do mb:push(1, i, payload) end
    mb:flush()
    local blocks, id = mb:take(), 0
    for _, block in ipairs(blocks) do
      for _, record in ipairs(block) do
        id = id + 1
        assert.equal(id, record[2])
      end
    end
    assert.equal(1000, id)
    assert.equal(math.ceil(1000 / (BLOCK_SIZE // 1032)), #blocks)
  end)

  it("gives a record that is larger than a block a block of its own", function()
    local large = ("y"):rep(3 * BLOCK_SIZE)
    mb:push(1, 1, "before")
    mb:push(2, 2, large)
    mb:push(3, 3, "after")
    mb:flush()
    local blocks = mb:take()
    assert.equal(3, #blocks)
    assert.equal(large, blocks[2][1][3])
    assert.equal("after", blocks[3][1][3])
  end)

  it("extends the newest record while it fits", function()
    mb:push(1, 1, "abc")
    assert.is_true(mb:extend("defghijklmnop"))
    assert.is_true(mb:extend("q"))
    mb:push(2, 2, "next")
    mb:flush()
    assert.same({ { { 1, 1, "abcdefghijklmnopq" }, { 2, 2, "next" } } }, mb:take())
  end)

  it("refuses to extend past the block's end and leaves the record as it was", function()
    mb:push(1, 1, "abc")
    assert.is_false(mb:extend(("z"):rep(BLOCK_SIZE)))
    mb:flush()
    assert.same({ { { 1, 1, "abc" } } }, mb:take())
  end)

  it("shortens and cancels the newest record", function()
    mb:push(1, 1, "kept")
    mb:push(2, 2, ("long"):rep(100))
    mb:shorten(4)
    mb:push(3, 3, "gone")
    mb:cancel()
    mb:push(4, 4, "last")
    mb:flush()
    assert.same({ { { 1, 1, "kept" }, { 2, 2, "long" }, { 4, 4, "last" } } }, mb:take())
    assert.equal(3, mb:stats().records)
  end)
end)

describe("a mailbox", function()
  local mb
  before_each(function() mb = mailbox.new() end)

  local function post(text)
    mb:push(1, 1, text)
    mb:flush()
  end

  local LARGE = ("x"):rep(BLOCK_SIZE // 8 + 1) -- has a block of its own

  it("gives all blocks at once, in the order of posting", function()
    post(LARGE .. "a")
    post(LARGE .. "b")
    post(LARGE .. "c")
    assert.same({ { { 1, 1, LARGE .. "a" } }, { { 1, 1, LARGE .. "b" } }, { { 1, 1, LARGE .. "c" } } }, mb:take())
    assert.same({}, mb:take())
  end)

  it("puts a few records into the block that waits before them, as long as they fit", function()
    post(LARGE)
    post "a"
    post "b"
    assert.same({ { { 1, 1, LARGE }, { 1, 1, "a" }, { 1, 1, "b" } } }, mb:take())
    local few = ("x"):rep(BLOCK_SIZE // 8 - 100)
    for _ = 1, 17 do post(few) end
    local blocks, counts = mb:take(), {}
    for i, block in ipairs(blocks) do counts[i] = #block end
    assert.same({ 8, 8, 1 }, counts)
    assert.equal(4, mb:stats().blocks)
  end)

  it("is not filled by a producer that posts little, often", function()
    for i = 1, 20000 do post(tostring(i)) end
    assert.is_true(mb:stats().bytes < 10 * BLOCK_SIZE, mb:stats().bytes .. " bytes")
    local n = 0
    for _, block in ipairs(mb:take()) do
      for _, record in ipairs(block) do
        n = n + 1
        assert.equal(tostring(n), record[3])
      end
    end
    assert.equal(20000, n)
  end)

  it("wakes a sleeping consumer once, an awake one never", function()
    post "awake"
    assert.is_false(mb:isReadable())
    mb:take()
    assert.is_true(mb:sleep())
    post "asleep"
    post "woken already"
    assert.is_true(mb:isReadable())
    assert.equal(1, mb:stats().wakeups)
    assert.equal(2, #mb:take()[1])
    assert.is_false(mb:isReadable())
  end)

  it("lets nobody sleep over what has been posted", function()
    post "there"
    assert.is_false(mb:sleep())
    mb:take()
    assert.is_true(mb:sleep())
  end)

  describe("lent", function()
    before_each(function() mb:standIn() end)

    it("makes who posts the consumer, and wakes nobody", function()
      assert.is_true(mb:sleep(true))
      post "adopted"
      assert.is_true(mb:hasAdopted())
      assert.is_false(mb:isReadable())
      assert.is_false(mb:rise())
      post "another"
      assert.is_false(mb:hasAdopted())
      assert.equal(2, #mb:take()[1])
      assert.is_true(mb:sleep(true))
      assert.is_true(mb:rise())
    end)

    it("is adopted neither awake nor against its will", function()
      post "awake"
      assert.is_false(mb:hasAdopted())
      mb:take()
      assert.is_true(mb:sleep(false))
      post "asleep"
      assert.is_false(mb:hasAdopted())
      assert.is_true(mb:isReadable())
      assert.is_true(mb:rise())
    end)

    it("is adopted no more when the lending has stopped, unless it has been just before", function()
      assert.is_true(mb:sleep(true))
      post "just before"
      assert.is_false(mb:stopLending())
      assert.is_true(mb:hasAdopted())
      mb:take()
      assert.is_true(mb:sleep(true))
      assert.is_true(mb:stopLending())
      post "after"
      assert.is_false(mb:hasAdopted())
      assert.is_true(mb:isReadable())
    end)

    it("goes back to the thread that waits", function()
      assert.is_true(mb:sleep(true))
      post "adopted"
      assert.is_true(mb:hasAdopted())
      assert.equal(1, #mb:take())
      mb:yield()
      assert.is_true(mb:isReadable())
      post "for the other one"
      assert.is_false(mb:hasAdopted())
      assert.is_true(mb:rise())
      assert.equal(1, #mb:take())
      assert.is_false(mb:isReadable())
    end)
  end)

  it("uses its blocks again, the large ones too", function()
    local large = ("y"):rep(3 * BLOCK_SIZE)
    for _ = 1, 3 do -- so that both kinds are there
      post(large)
      post "small"
      mb:take()
    end
    mb:take()
    local before = mailbox.allocations()
    for _ = 1, 100 do
      post(large)
      post "small"
      mb:take()
    end
    assert.equal(before, mailbox.allocations())
  end)

  it("counts what has not been worked off", function()
    assert.equal(0, mb:pending())
    post "eight by"
    local one = mb:pending()
    assert.is_true(one >= 8)
    post "eight by"
    assert.equal(2 * one, mb:pending())
    mb:take()
    assert.equal(2 * one, mb:pending())
    mb:take()
    assert.equal(0, mb:pending())
  end)

  it("waits for nothing when everything is worked off, and no longer than told", function()
    assert.is_true(mb:waitUntilDone(0))
    post "x"
    assert.is_false(mb:waitUntilDone(1))
    mb:take()
    assert.is_false(mb:waitUntilDone(1))
    mb:take()
    assert.is_true(mb:waitUntilDone(0))
  end)

  it("keeps each producer's order when many post at once", function()
    assert.equal(0, mailbox.storm(4, 5000))
  end)
end)
