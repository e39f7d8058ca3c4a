-- Autobahn's sections 12 and 13: permessage-deflate with data of several kinds, with messages of several sizes in
-- fragments of several sizes, and with several offers.

local frame = require "spec.conformance.frame"
local data = require "spec.conformance.data"

local AS_AUTOBAHN = 1000 -- messages of a case
local VOLUME, FEWEST, MOST = 256 * 1024, 4, 100 -- what else a case sends in all, in messages

-- bytes of a message; bytes of a fragment, 0: not fragmented
local SIZES = {
  { 16, 0 }, { 64, 0 }, { 256, 0 }, { 1024, 0 }, { 4096, 0 }, { 8192, 0 }, { 16384, 0 }, { 32768, 0 }, { 65536, 0 },
  { 131072, 0 }, { 8192, 256 }, { 16384, 256 }, { 32768, 256 }, { 65536, 256 }, { 131072, 256 }, { 131072, 1024 },
  { 131072, 4096 }, { 131072, 32768 },
}

local OFFER = "permessage-deflate; client_no_context_takeover; client_max_window_bits"
local NO_TAKEOVER, SMALL = "; server_no_context_takeover", "; server_max_window_bits=9"
local LARGE = "; server_max_window_bits=15"

local OFFERS = {
  OFFER, OFFER .. NO_TAKEOVER, OFFER .. SMALL, OFFER .. LARGE, OFFER .. NO_TAKEOVER .. SMALL,
  OFFER .. NO_TAKEOVER .. LARGE,
  OFFER .. NO_TAKEOVER .. SMALL .. ", " .. OFFER .. NO_TAKEOVER .. ", " .. OFFER,
}

local section = { title = "Compression" }

local function roundsOf(size)
  return function(target)
    if target.full then return AS_AUTOBAHN end
    if target.brief then return FEWEST end
    return math.max(FEWEST, math.min(MOST, VOLUME // size))
  end
end

local function addCases(prefix, kind, offer, what)
  for i, row in ipairs(SIZES) do
    local size, fragment = table.unpack(row)
    local about = ("messages of %d bytes%s, %s, come back"):format(size,
      fragment > 0 and (" in compressed fragments of %d"):format(fragment) or "", what)
    table.insert(section, { ("%s.%d"):format(prefix, i), about, offer = offer, slowly = false,
      function()
        local cut = data.cutter(kind, size)
        return {
          rounds = roundsOf(size),
          message = function()
            return { opcode = data.isText(kind) and frame.TEXT or frame.BINARY, payload = cut(), compressed = true,
              fragment = fragment > 0 and fragment or nil }
          end,
        }
      end,
      closes = 1000,
    })
  end
end

for j, kind in ipairs({ "json", "bitmap", "prose", "html", "document" }) do
  addCases("12." .. j, kind, OFFER, "of the kind " .. kind)
end

for j, offer in ipairs(OFFERS) do
  addCases("13." .. j, "json", offer, "with the offer " .. offer:gsub("permessage%-deflate", "p-d"))
end

return section
