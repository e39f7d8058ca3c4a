-- The browsers that show pages of a web server's root: they are told when a file there has changed.
-- What they listen with stands behind each page (src/script/watch.c); what to is a WebSocketServer
-- here.

local luaws = require "luaws"
local uv = require "luv"

local Pages = {}
Pages.__index = Pages

local Listener = {}
Listener.__index = Listener

function Listener.onMessage() end

local Handler = {}
Handler.__index = Handler

function Handler.onConnection()
  return Listener
end

function Handler:onTerminate()
  self.servers[self.web] = nil
end

local function holds(root, path)
  return root == "/" or path:sub(1, #root + 1) == root .. "/"
end

-- Pages may have been loaded by any name of this machine's, so any origin may listen: it learns
-- nothing but that something has changed.
function Pages:listen(web)
  local handler = setmetatable({ servers = self.servers, web = web }, Handler)
  local options = { path = self.path, web = web, origins = "*", maxPayload = 1 }
  local ok, server = pcall(luaws.WebSocketServer.new, handler, options)
  if ok then
    self.servers[web] = server
  else
    luaws.log.warn("pages won't refresh: " .. tostring(server))
  end
end

-- Finds out which roots there are: self.roots, to be watched.
function Pages:update()
  self.roots = {}
  for _, found in ipairs(self.find()) do
    local root = uv.fs_realpath(found.root)
    if root then
      self.roots[root] = self.roots[root] or {}
      table.insert(self.roots[root], found.web)
    end
  end
end

-- Once they are watched: lets pages listen.
function Pages:open()
  for _, webs in pairs(self.roots) do
    for _, web in ipairs(webs) do
      if self.servers[web] == nil then self:listen(web) end
    end
  end
end

function Pages:isPart(path)
  for root in pairs(self.roots) do
    if holds(root, path) then return true end
  end
  return false
end

-- These files have changed (a set of paths).
function Pages:refresh(paths)
  local webs = {}
  for path in pairs(paths) do
    for root, its in pairs(self.roots) do
      if holds(root, path) then
        for _, web in ipairs(its) do webs[web] = true end
      end
    end
  end
  for web in pairs(webs) do
    if self.servers[web] then self.servers[web]:broadcast("refresh") end
  end
end

local pages = {}

-- `path` is where they listen; `find` returns the web servers that run and have a root: an array of
-- { web =, root = }.
function pages.new(path, find)
  return setmetatable({ path = path, find = find, servers = {}, roots = {} }, Pages)
end

return pages
