-- sample.bytes(n): text of n bytes in which nothing that is lost, doubled or exchanged goes unseen.

local sample = {}

function sample.bytes(n)
  local parts = {}
  for i = 1, n // 8 + 1 do parts[i] = ("%08x"):format(i * 2654435761 % 4294967296) end
  return table.concat(parts):sub(1, n)
end

return sample
