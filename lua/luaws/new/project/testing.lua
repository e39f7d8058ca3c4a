---@meta luaws.testing

-- What `luaws test` adds to busted's assertions.
---@class luassert
---@field sent fun(ws: luaws.TestClient|luaws.TestConnection, message: any)
---@field not_sent fun(ws: luaws.TestClient|luaws.TestConnection, message: any)
---@field closed fun(ws: luaws.TestClient|luaws.TestConnection, code?: integer, reason?: string)
---@field not_closed fun(ws: luaws.TestClient|luaws.TestConnection)
---@field no_errors fun()

---@type luaws.testing
local testing
return testing
