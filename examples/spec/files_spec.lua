local luaws = require "luaws"
local testing = require "luaws.testing"

describe("examples/files.lua", function()
  it("answers a file with its size and checksum, and the file", function()
    local ann = testing.server("examples/files.lua"):connect "/files"
    for file, checksum in pairs { ["hello world"] = "0d4a1185", [""] = "00000000" } do
      ann:send(luaws.blob(file))
      assert.same({ size = #file, crc32 = checksum }, luaws.json.decode(ann:receive()))
      local data, isBinary = ann:receive()
      assert.equal(file, data)
      assert.is_true(isBinary)
    end
  end)

  it("closes the connection when a file is too large", function()
    local ann = testing.server("examples/files.lua"):connect "/files"
    ann:send(luaws.blob(("x"):rep(8 * 1024 * 1024 + 1)))
    assert.closed(ann, 1009)
  end)
end)
