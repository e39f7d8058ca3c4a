-- luacheck's strictest standard for Lua 5.4; line length as in C.
std = "lua54"
max_line_length = 100
self = false -- a handler's method need not use its self
exclude_files = { "build", "node_modules", "**/node_modules" }

files["spec"] = { std = "+busted", max_line_length = 120 } -- tables of cases
files["lua/luaws/new/project/spec"] = { std = "+busted" }
files["bench/tests"] = { std = "+busted", globals = { "assert" } } -- with luaws's own assertions
files["fuzz"] = { max_line_length = 120 }
files["examples"] = { globals = { "wss" } }
files["lua/luaws/meta.lua"] = { ignore = { "211", "212", "241" } } -- declarations for editors
files["lua/luaws/new/project/testing.lua"] = { ignore = { "221" } } -- the same
