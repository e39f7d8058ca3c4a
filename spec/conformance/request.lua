-- The words for requests as they stand on the wire. %HOST% and %PATH% stand for the server's.
--
-- request.with([line]), request.with({ Name = line, ... }): a handshake; with a further line (or several), or with
--                          these lines in the place of the usual ones (false: without)
-- request.without(name [, requestLine])
-- request.line(requestLine): a handshake with it
-- request.text(requestLine, lines...): any request
-- request.fill(bytes, target, host): the bytes to be sent

local request = {}

local USUAL = {
  { "Host", "Host: %HOST%" }, { "Upgrade", "Upgrade: websocket" }, { "Connection", "Connection: Upgrade" },
  { "Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" },
  { "Sec-WebSocket-Version", "Sec-WebSocket-Version: 13" },
}
local LINE = "GET %PATH% HTTP/1.1"

function request.text(...)
  return table.concat({ ... }, "\r\n") .. "\r\n\r\n"
end

local function handshake(line, changes)
  local lines = { line }
  for _, usual in ipairs(USUAL) do
    local text = changes[usual[1]]
    if text == nil then text = usual[2] end
    if text then lines[#lines + 1] = text end
  end
  return request.text(table.unpack(lines))
end

function request.with(change)
  if type(change) ~= "string" then return handshake(LINE, change or {}) end
  return handshake(LINE, {}):sub(1, -3) .. change .. "\r\n\r\n"
end

function request.without(name, line)
  return handshake(line or LINE, { [name] = false })
end

function request.line(line)
  return handshake(line, {})
end

function request.fill(bytes, target, host)
  return (bytes:gsub("%%(%u+)%%", { HOST = host, PATH = target.path or "/" }))
end

return request
