-- The words in which cases are written (README.md): frames to send, and what is expected.
--
--   text("Hello")   text("Hel", { fin = false })   continuation("lo")   close(1000, "bye")   ping("x", { rsv = 2 })
--
-- The second argument has the fields of client.frame (spec/support/client.lua), for any flaw; `mask = frame.WRONG`:
-- with a mask where there may be none, without one where there must be one.
--
-- frame.part(f, first [, last])            some of its bytes, as string.sub counts; what it is masked with isn't known
--                                          before it is sent
-- frame.fragments(opcode, payload, size [, more])   the frames of one message in pieces of so many bytes
-- frame.bytes(f)                           its bytes on the wire
-- frame.closeCode(payload), frame.isSendable(code)
-- frame.describe(f)                        for people

local client = require "spec.support.client"

local frame = {
  CONTINUATION = client.CONTINUATION, TEXT = client.TEXT, BINARY = client.BINARY,
  CLOSE = client.CLOSE, PING = client.PING, PONG = client.PONG,
  NO_CODE = 1005, -- a close frame without a body
  MASK = client.MASK, WRONG = {},
  HELLO = "Hello, world!",
  NOT_UTF8 = "\0\255\254\253\252\251\0\255",
}

local NAMES = {
  [frame.CONTINUATION] = "continuation", [frame.TEXT] = "text", [frame.BINARY] = "binary",
  [frame.CLOSE] = "close", [frame.PING] = "ping", [frame.PONG] = "pong",
}
local SHOWN = 20 -- bytes of a payload

frame.bytes = client.frame

local function make(opcode, payload, more)
  local f = { opcode = opcode, payload = payload or "" }
  for name, value in pairs(more or {}) do f[name] = value end
  return f
end

function frame.text(payload, more) return make(frame.TEXT, payload, more) end
function frame.binary(payload, more) return make(frame.BINARY, payload, more) end
function frame.continuation(payload, more) return make(frame.CONTINUATION, payload, more) end
function frame.ping(payload, more) return make(frame.PING, payload, more) end
function frame.pong(payload, more) return make(frame.PONG, payload, more) end

-- `code`: NO_CODE is an empty body.
function frame.close(code, reason, more)
  if code == frame.NO_CODE then code = nil end
  return make(frame.CLOSE, client.closePayload(code, reason), more)
end

function frame.fragments(opcode, payload, size, more)
  local frames = {}
  for at = 1, math.max(#payload, 1), size do
    local f = make(opcode, payload:sub(at, at + size - 1), more)
    f.fin = at + size > #payload
    frames[#frames + 1] = f
    opcode = frame.CONTINUATION
  end
  return frames
end

function frame.part(f, first, last)
  return { part = f, first = first, last = last or -1 }
end

-- The code and the reason of a close frame's payload.
function frame.closeCode(payload)
  if #payload < 2 then return frame.NO_CODE, "" end
  return string.unpack(">I2", payload), payload:sub(3)
end

-- Whether a close frame may have the code (RFC 6455 section 7.4, IANA's registry).
function frame.isSendable(code)
  return code >= 1000 and code <= 1003 or code >= 1007 and code <= 1014 or code >= 3000 and code <= 4999
end

local function describeClose(payload)
  if payload == "" then return "a close without a code" end
  if #payload == 1 then return "a close with a body of one byte" end
  local code, reason = frame.closeCode(payload)
  return reason == "" and "close " .. code or ("close %d %q"):format(code, reason)
end

function frame.describe(f)
  if f.opcode == frame.CLOSE then return describeClose(f.payload) end
  local name = NAMES[f.opcode] or ("opcode %d"):format(f.opcode)
  local shown = ("%q"):format(f.payload:sub(1, SHOWN)):gsub("\\\n", "\\n"):gsub("[\127-\255]", function(byte)
    return ("\\%d"):format(byte:byte())
  end)
  if #f.payload <= SHOWN then return name .. " " .. shown end
  return ("%s of %d bytes %s..."):format(name, #f.payload, shown)
end

function frame.describeAll(frames)
  if #frames == 0 then return "nothing" end
  local words = {}
  for i, f in ipairs(frames) do words[i] = frame.describe(f) end
  return table.concat(words, ", ")
end

return frame
