-- What kind of build is tested: luaws-spec is built like the luaws beside it.
--
--   local build = require "spec.support.build"
--
-- build.isTiny           LUAWS_TINY: buffers of 3 bytes, tables of 2 slots, Lua's collector always on. Whatever is
--                        large takes a hundred times as long, and messages come in pieces.
-- build.pick(usual, tiny)   the second one there: fewer of something, or smaller

local runner = require "runner"

local build = { isTiny = runner.isTiny }

function build.pick(usual, tiny)
  if build.isTiny then return tiny end
  return usual
end

return build
