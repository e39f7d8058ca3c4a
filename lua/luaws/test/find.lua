-- Finds busted, which is installed like any other package of Lua.

local MISSING = [[
busted is not installed, which runs the specs. On Debian or Ubuntu:

  apt-get install lua-busted

Elsewhere:

  luarocks --lua-version 5.4 install --local busted

It is looked for where Lua 5.4 looks for modules (LUA_PATH, LUA_CPATH), and in ~/.luarocks.]]

local FOLDERS = "%s/share/lua/5.4/?.lua;%s/share/lua/5.4/?/init.lua"
local LIBRARIES = "%s/lib/lua/5.4/?.so"

local function isFound()
  return package.searchpath("busted.runner", package.path) ~= nil
end

-- Where luarocks puts what is installed for one user.
local function addHome()
  local home = os.getenv("HOME")
  if not home then return end
  local tree = home .. "/.luarocks"
  package.path = ("%s;" .. FOLDERS):format(package.path, tree, tree)
  package.cpath = ("%s;" .. LIBRARIES):format(package.cpath, tree)
end

-- Makes busted's modules loadable. True; or nil and what to do.
return function()
  if not isFound() then addHome() end
  if not isFound() then return nil, MISSING end
  local ok, err = pcall(require, "busted.core")
  if not ok then return nil, "busted can't be loaded: " .. tostring(err) end
  return true
end
