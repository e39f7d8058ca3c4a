-- src/http/deflate.c: permessage-deflate, RFC 7692 sections 5 and 7.1, negotiated by either side.

local http = require("probe").http
local negotiation = require("probe").negotiation

local PD = "permessage-deflate"
local S, C = "; server_no_context_takeover", "; client_no_context_takeover"
local function SB(bits) return "; server_max_window_bits=" .. bits end
local function CB(bits) return "; client_max_window_bits" .. (bits and "=" .. bits or "") end

-- A request with these values of Sec-WebSocket-Extensions, fed in pieces of `step` bytes.
local function request(offers, step)
  local lines = {
    "GET / HTTP/1.1", "Host: a", "Upgrade: websocket", "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
  }
  for _, offer in ipairs(offers) do lines[#lines + 1] = "Sec-WebSocket-Extensions: " .. offer end
  local bytes = table.concat(lines, "\r\n") .. "\r\n\r\n"
  local r, progress = http.newRequest(), nil
  for at = 1, #bytes, step do progress = r:feed(bytes:sub(at, at + step - 1)) end
  assert.equal("complete", progress)
  assert.equal("websocket", (http.handshakeCheck(r)))
  return r
end

local function accept(offers, bits, takeover)
  if type(offers) == "string" then offers = { offers } end
  local result = { negotiation.accept(request(offers, 1000), bits, takeover) }
  assert.same(result, { negotiation.accept(request(offers, 1), bits, takeover) })
  return result
end

-- { offer or offers, answer or nil, agreed }: what both hold to is "bits of the server, bits of the
-- client", with an "s" or "c" where that side begins each message afresh.
local function assertTable(cases, bits, takeover)
  for _, case in ipairs(cases) do
    local offers = case[1]
    local text = type(offers) == "table" and table.concat(offers, " | ") or offers
    assert.same({ case[2], case[3] }, accept(offers, bits, takeover), text)
  end
end

describe("http_deflate_accept, with nothing held back,", function()
  it("answers each offer", function()
    assertTable({
      { PD, PD, "15 15" },
      { PD .. S, PD .. S, "15s 15" },
      { PD .. C, PD .. C, "15 15c" },
      { PD .. S .. C, PD .. S .. C, "15s 15c" },
      { PD .. C .. S, PD .. S .. C, "15s 15c" },
      { PD .. SB(15), PD .. SB(15), "15 15" },
      { PD .. SB(10), PD .. SB(10), "10 15" },
      { PD .. SB(9), PD .. SB(9), "9 15" },
      { PD .. CB(), PD, "15 15" },
      { PD .. CB(15), PD, "15 15" },
      { PD .. CB(10), PD .. CB(10), "15 10" },
      { PD .. CB(9), PD .. CB(9), "15 9" },
      { PD .. SB(12) .. CB(11), PD .. SB(12) .. CB(11), "12 11" },
      { PD .. CB() .. SB(9) .. C .. S, PD .. S .. C .. SB(9), "9s 15c" },
    }, 15, true)
  end)

  it("takes a client's window of 8 bits, which zlib inflates with 9", function()
    assertTable({ { PD .. CB(8), PD .. CB(8), "15 9" } }, 15, true)
  end)

  it("declines a window of 8 bits of its own, which zlib can't compress with", function()
    assertTable({
      { PD .. SB(8) },
      { PD .. SB(8) .. CB(8) },
      { PD .. SB(8) .. ", " .. PD, PD, "15 15" },
    }, 15, true)
  end)

  it("declines what it doesn't know", function()
    assertTable({
      { PD .. "; x" },
      { PD .. "; x=1" },
      { PD .. "; server_max_window_bit=10" },
      { PD .. "; Server_Max_Window_Bits=10" },
      { PD .. S .. "; x" },
      { "x" },
      { "X-" .. PD },
      { "permessage-bzip2; a=1" },
      { "x-webkit-deflate-frame" },
      { "perframe-deflate" },
    }, 15, true)
  end)

  it("declines what comes twice", function()
    assertTable({
      { PD .. S .. S },
      { PD .. C .. C },
      { PD .. SB(10) .. SB(10) },
      { PD .. SB(10) .. SB(11) },
      { PD .. CB() .. CB() },
      { PD .. CB() .. CB(10) },
      { PD .. CB(10) .. CB(10) },
    }, 15, true)
  end)

  it("declines values that are none", function()
    for _, bits in ipairs { "0", "7", "16", "08", "09", "010", "015", "00", "100", "1", "-9", "9.0", "0x9", "1e1", "+9",
                            "abc", "99999999999999999999", "4294967305" } do
      assertTable({ { PD .. SB(bits) }, { PD .. CB(bits) } }, 15, true)
    end
    assertTable({
      { PD .. "; server_max_window_bits" },
      { PD .. S .. "=true" },
      { PD .. C .. "=1" },
      { PD .. S .. "=\"x\"" },
    }, 15, true)
  end)

  it("reads quoted values like others", function()
    assertTable({
      { PD .. SB '"10"', PD .. SB(10), "10 15" },
      { PD .. CB '"12"', PD .. CB(12), "15 12" },
      { PD .. SB '"\\1\\0"', PD .. SB(10), "10 15" },
      { PD .. SB '"1\\0"', PD .. SB(10), "10 15" },
      { PD .. SB '"010"' },
      { PD .. SB '"\\0\\9"' },
    }, 15, true)
  end)

  it("doesn't mind blanks, nor empty elements", function()
    assertTable({
      { PD .. "  ;\tserver_max_window_bits = 10 ", PD .. SB(10), "10 15" },
      { PD .. ";server_max_window_bits=10;client_max_window_bits", PD .. SB(10), "10 15" },
      { ", ," .. PD .. " ,, ", PD, "15 15" },
    }, 15, true)
  end)

  it("takes the first of several that can be met", function()
    assertTable({
      { PD .. SB(10) .. ", " .. PD, PD .. SB(10), "10 15" },
      { PD .. ", " .. PD .. SB(10), PD, "15 15" },
      { "x; y=1, " .. PD .. S, PD .. S, "15s 15" },
      { PD .. "; x, " .. PD .. SB(7) .. ", " .. PD .. SB(11) .. ", " .. PD, PD .. SB(11), "11 15" },
      { PD .. SB(8) .. ", " .. PD .. SB(9) .. ", " .. PD, PD .. SB(9), "9 15" },
      { { "x", PD .. C }, PD .. C, "15 15c" },
      { { PD .. SB(8), PD .. "; x, " .. PD .. CB(13), PD }, PD .. CB(13), "15 13" },
      { { "x", "y; z" } },
      { {} },
    }, 15, true)
  end)
end)

describe("http_deflate_accept, without context takeover,", function()
  it("says so to both sides", function()
    assertTable({
      { PD, PD .. S .. C, "15s 15c" },
      { PD .. S, PD .. S .. C, "15s 15c" },
      { PD .. C, PD .. S .. C, "15s 15c" },
      { PD .. CB(), PD .. S .. C, "15s 15c" },
      { PD .. SB(10) .. CB(9), PD .. S .. C .. SB(10) .. CB(9), "10s 9c" },
    }, 15, false)
  end)
end)

describe("http_deflate_accept, with a smaller window,", function()
  it("keeps to it itself, and holds the client to it where it may", function()
    assertTable({
      { PD, PD .. SB(11), "11 15" },
      { PD .. SB(15), PD .. SB(11), "11 15" },
      { PD .. SB(12), PD .. SB(11), "11 15" },
      { PD .. SB(11), PD .. SB(11), "11 15" },
      { PD .. SB(10), PD .. SB(10), "10 15" },
      { PD .. CB(), PD .. SB(11) .. CB(11), "11 11" },
      { PD .. CB(15), PD .. SB(11) .. CB(11), "11 11" },
      { PD .. CB(11), PD .. SB(11) .. CB(11), "11 11" },
      { PD .. CB(9), PD .. SB(11) .. CB(9), "11 9" },
      { PD .. CB(8), PD .. SB(11) .. CB(8), "11 9" },
    }, 11, true)
    assertTable({ { PD .. CB(), PD .. S .. C .. SB(9) .. CB(9), "9s 9c" } }, 9, false)
  end)
end)

describe("http_deflate_offer", function()
  it("offers what the client wants", function()
    assert.equal(PD .. CB(), negotiation.offer(15, true))
    assert.equal(PD .. S .. C .. CB(), negotiation.offer(15, false))
    assert.equal(PD .. SB(10) .. CB(10), negotiation.offer(10, true))
    assert.equal(PD .. S .. C .. SB(9) .. CB(9), negotiation.offer(9, false))
  end)

  it("offers what http_deflate_accept takes, and takes the answer to it", function()
    for _, takeover in ipairs { true, false } do
      for clientBits = 9, 15 do
        for serverBits = 9, 15 do
          local offer = negotiation.offer(clientBits, takeover)
          for _, serverTakeover in ipairs { true, false } do
            local answer, agreed = table.unpack(accept(offer, serverBits, serverTakeover))
            assert.equal(agreed, negotiation.check({ answer }, clientBits, takeover))
          end
        end
      end
    end
  end)
end)

describe("http_deflate_check", function()
  local function check(...) return { negotiation.check(...) } end

  it("takes every answer that fits the offer", function()
    for _, case in ipairs {
      { {}, false },
      { { PD }, "15 15" },
      { { PD .. S }, "15s 15" },
      { { PD .. C }, "15 15c" },
      { { PD .. SB(15) }, "15 15" },
      { { PD .. SB(9) }, "9 15" },
      { { PD .. SB(8) }, "9 15" },
      { { PD .. CB(15) }, "15 15" },
      { { PD .. CB(9) }, "15 9" },
      { { PD .. S .. C .. SB(10) .. CB '"11"' }, "10s 11c" },
      { { "", PD }, "15 15" },
    } do
      assert.same({ case[2] }, check(case[1], 15, true), case[1][1])
    end
    for _, case in ipairs {
      { {}, false },
      { { PD .. S .. SB(10) }, "10s 10c" },
      { { PD .. S .. SB(9) .. CB(10) }, "9s 10c" },
      { { PD .. S .. C .. SB(10) .. CB(9) }, "10s 9c" },
    } do
      assert.same({ case[2] }, check(case[1], 10, false), case[1][1])
    end
  end)

  it("refuses all others, with a reason", function()
    local ANSWERED = "the server has answered permessage-deflate with "
    for _, case in ipairs {
      { { "x" }, "the server has chosen an extension that was not offered" },
      { { PD .. ", x" }, "the server has chosen an extension that was not offered" },
      { { "Permessage-Deflate" }, "the server has chosen an extension that was not offered" },
      { { PD .. ", " .. PD }, "the server has chosen permessage-deflate twice" },
      { { PD, PD }, "the server has chosen permessage-deflate twice" },
      { { "" }, "the server's Sec-WebSocket-Extensions header is malformed" },
      { { PD .. ";" }, "the server's Sec-WebSocket-Extensions header is malformed" },
      { { PD .. " x" }, "the server's Sec-WebSocket-Extensions header is malformed" },
      { { ("x,"):rep(65) }, "the server's Sec-WebSocket-Extensions header is malformed" },
      { { PD .. "; x" }, ANSWERED .. "an unknown parameter" },
      { { PD .. S .. S }, ANSWERED .. "the same parameter twice" },
      { { PD .. SB(9) .. SB(9) }, ANSWERED .. "the same parameter twice" },
      { { PD .. S .. "=1" }, ANSWERED .. "a value for a parameter that has none" },
      { { PD .. "; server_max_window_bits" }, ANSWERED .. "a window that isn't 8 to 15 bits" },
      { { PD .. SB(16) }, ANSWERED .. "a window that isn't 8 to 15 bits" },
      { { PD .. SB "09" }, ANSWERED .. "a window that isn't 8 to 15 bits" },
      { { PD .. CB(7) }, ANSWERED .. "a window that isn't 8 to 15 bits" },
      { { PD .. CB() }, ANSWERED .. "a client_max_window_bits without a value" },
      { { PD .. CB(8) }, ANSWERED .. "a client_max_window_bits of 8, which zlib can't compress with" },
    } do
      assert.same({ nil, case[2] }, check(case[1], 15, true), case[1][1])
    end
    for _, case in ipairs {
      { { PD }, ANSWERED .. "no server_no_context_takeover, which was asked for" },
      { { PD .. S }, ANSWERED .. "a larger window than was asked for" },
      { { PD .. S .. SB(11) }, ANSWERED .. "a larger window than was asked for" },
      { { PD .. S .. SB(10) .. CB(11) }, ANSWERED .. "a larger client_max_window_bits than was offered" },
    } do
      assert.same({ nil, case[2] }, check(case[1], 10, false), case[1][1])
    end
  end)

  it("refuses all when nothing was offered", function()
    assert.same({ false }, check({}, nil))
    assert.same({ nil, "the server has chosen an extension that was not offered" }, check({ PD }, nil))
  end)
end)
