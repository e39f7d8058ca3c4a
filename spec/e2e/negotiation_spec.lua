-- permessage-deflate in the handshake, over real sockets: that the option `compression` decides on the answer, and
-- what is refused. Every offer with its answer is in spec/unit/http_deflate_spec.lua.

local client = require "spec.support.client"
local server = require "spec.support.server"

local PD = "permessage-deflate"
local NO_TAKEOVER = "; server_no_context_takeover; client_no_context_takeover"

local function start(compression)
  return server.start(([[ serve({ onMessage = function(_, ws, event) ws:send(event.data) end },
    { compression = %s }) ]]):format(compression))
end

-- The answer of the handshake; a connection that is open must work, also without compressing anything.
local function offer(s, offers)
  local c, answer = client.handshake(s, "/", { ["Sec-WebSocket-Extensions"] = offers })
  if answer.status ~= 101 then return answer.status, answer.body end
  c:send("hi")
  local frame = c:readFrame()
  assert.same({ "hi", 0 }, { frame.payload, frame.rsv }) -- shorter than the threshold
  c:close(1000)
  return answer.headers["sec-websocket-extensions"]
end

describe("the answer to an offer of compression", function()
  for compression, cases in pairs({
    ["false"] = { { PD }, { PD .. "; client_max_window_bits" }, { "x" }, { { "x", PD } } },
    ["true"] = {
      { PD, PD .. NO_TAKEOVER },
      { PD .. "; client_max_window_bits", PD .. NO_TAKEOVER }, -- what browsers offer
      { PD .. "; server_max_window_bits=10", PD .. NO_TAKEOVER .. "; server_max_window_bits=10" },
      { PD .. "; server_max_window_bits=8" },
      { PD .. "; server_max_window_bits=8, " .. PD, PD .. NO_TAKEOVER },
      { { "x; y=1", PD .. "; z", PD .. "; client_max_window_bits=9" },
        PD .. NO_TAKEOVER .. "; client_max_window_bits=9" },
      { "x" },
      { false },
    },
    ["{ contextTakeover = true }"] = {
      { PD, PD },
      { PD .. "; server_no_context_takeover", PD .. "; server_no_context_takeover" },
    },
    ["{ contextTakeover = true, windowBits = 9 }"] = {
      { PD .. "; client_max_window_bits", PD .. "; server_max_window_bits=9; client_max_window_bits=9" },
      { PD, PD .. "; server_max_window_bits=9" },
    },
  }) do
    it("is as the option says: compression = " .. compression, function()
      local s = start(compression)
      for _, case in ipairs(cases) do assert.equal(case[2], (offer(s, case[1]))) end
    end)
  end

  it("is 400 when the list can't be read, whether there is compression or not", function()
    for _, compression in ipairs({ "false", "true" }) do
      local s = start(compression)
      for _, malformed in ipairs({ "", PD .. ";", PD .. "; x=", PD .. " " .. PD, "a/b", { PD, "a;;b" } }) do
        assert.same({ 400, "malformed Sec-WebSocket-Extensions\n" }, { offer(s, malformed) })
      end
      assert.same({ 400, "too many extensions\n" }, { offer(s, ("x,"):rep(65)) })
    end
  end)
end)
