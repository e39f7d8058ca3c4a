---@meta luaws.testing

---@type luaws.testing
local testing
return testing
