---@meta luaws

-- The API for editors: annotations as lua-language-server reads them. Nothing here is run. What the
-- members do is told in docs/api.md, whose names spec/e2e/docs_spec.lua compares with these.

---@class luaws
---@field WebSocketServer luaws.WebSocketServerClass
---@field WebServer luaws.WebServerClass
---@field webServer luaws.WebServer the one that WebSocket servers use unless told otherwise
---@field json luaws.Json
---@field log luaws.Log
---@field null luaws.Null JSON's null
---@field onError? fun(event: luaws.ErrorEvent) told of errors outside handlers
local luaws = {}

-- Events ------------------------------------------------------------------------------------------

---@class luaws.OpenEvent
---@field type "open"

---@class luaws.ConnectionEvent
---@field type "connection"
---@field request luaws.Request

---@class luaws.MessageEvent
---@field type "message"
---@field data any a string; under dataType "object" what the JSON text says
---@field isBinary boolean

---@class luaws.DrainEvent
---@field type "drain"

---@class luaws.ClosedEvent of a server
---@field type "terminate"

---@class luaws.TerminateEvent of a connection
---@field type "terminate"
---@field code integer
---@field reason? string
---@field wasClean boolean close frames went both ways

---@class luaws.ErrorEvent
---@field type "error"
---@field errors luaws.Error[] [1] is the error, later entries are its causes
---@field connection? luaws.WebSocketConnection whose handler has no onError

---@class luaws.Error
---@field errCode integer
---@field message string
---@field componentSignature "LUAW"|"LUA_"|"UV__"
---@field traceback? string

---@class luaws.RequestEvent
---@field type "request"
---@field request luaws.Request

---@class luaws.Request
---@field url string as sent: "/status?name=ryan"
---@field path string the URL up to "?", as sent
---@field query table<string, string|string[]>
---@field params table<string, string>
---@field headers table<string, string|string[]> by lower-case name
---@field method string
---@field protocols string[] what the client offers
---@field remoteAddress string
---@field remotePort integer
---@field secure boolean
---@field body? string for onRequest

-- WebServer ---------------------------------------------------------------------------------------

---@class luaws.WebServerSettings
---@field host? string "127.0.0.1"; "unix:/path"
---@field port? integer 8080; 0 takes a free one
---@field root? string|false folder of static files
---@field handler? luaws.RequestHandler
---@field handshakeTimeout? number|false seconds: 10
---@field keepAliveTimeout? number|false seconds: 5
---@field maxBody? integer bytes: 1 MiB

---@class luaws.Response
---@field status? integer
---@field headers? table<string, string|number|(string|number)[]>
---@field body? string|luaws.Blob

---@class luaws.RequestHandler
local RequestHandler = {}

---@param web luaws.WebServer
---@param event luaws.RequestEvent
---@return luaws.Response|string|luaws.Blob|nil
function RequestHandler:onRequest(web, event) end

---@class luaws.WebServerClass
local WebServerClass = {}

---@param settings? luaws.WebServerSettings
---@return luaws.WebServer
function WebServerClass.new(settings) end

---@class luaws.WebServer
---@field isRunning boolean
---@field host string
---@field port integer
---@field url string
local WebServer = {}

---@param settings? luaws.WebServerSettings
---@return true?
---@return string? message
function WebServer:start(settings) end

---@param timeout? number seconds
function WebServer:stop(timeout) end

-- WebSocketServer ---------------------------------------------------------------------------------

---@class luaws.WebSocketServerOptions
---@field path? string exact, or with ":name" and "*"
---@field dataType? "text"|"blob"|"object"
---@field protocols? string[]
---@field origins? string|string[]
---@field maxPayload? integer|false bytes: 1 MiB
---@field maxFragments? integer|false 16384
---@field maxConnections? integer|false
---@field maxConnectionsPerAddress? integer|false
---@field maxMessageRate? integer|false messages a second
---@field pingInterval? number|false seconds: 20
---@field pongTimeout? number|false seconds: 20
---@field answerTimeout? number|false seconds: 10
---@field closeTimeout? number|false seconds: 10
---@field maxBackpressure? integer|false bytes: 1 MiB
---@field slowConsumer? "close"|"drop"
---@field web? luaws.WebServer

---@class luaws.Acceptance
---@field protocol? string
---@field headers? table<string, string|number|(string|number)[]>

---@class luaws.ServerHandler
local ServerHandler = {}

---@param wss luaws.WebSocketServer
---@param event luaws.ConnectionEvent
---@return luaws.ConnectionHandler? handler nil: refused
---@return luaws.Acceptance|luaws.Response|integer|nil more with the handler, or the status
---@return string? body
function ServerHandler:onConnection(wss, event) end

---@param wss luaws.WebSocketServer
---@param event luaws.OpenEvent
function ServerHandler:onOpen(wss, event) end

---@param wss luaws.WebSocketServer
---@param event luaws.ClosedEvent
function ServerHandler:onTerminate(wss, event) end

---@param wss luaws.WebSocketServer
---@param event luaws.ErrorEvent
function ServerHandler:onError(wss, event) end

---@class luaws.WebSocketServerClass
local WebSocketServerClass = {}

---@param handler luaws.ServerHandler
---@param options? luaws.WebSocketServerOptions
---@return luaws.WebSocketServer
function WebSocketServerClass.new(handler, options) end

---@class luaws.WebSocketServer
---@field connections luaws.WebSocketConnection[]
---@field connectionCount integer
---@field handler luaws.ServerHandler
---@field path? string
---@field dataType "text"|"blob"|"object"
---@field terminated boolean
local WebSocketServer = {}

---@param message any
---@param except? luaws.WebSocketConnection
function WebSocketServer:broadcast(message, except) end

---@param timeout? number seconds
function WebSocketServer:terminate(timeout) end

-- WebSocketConnection -----------------------------------------------------------------------------

---@class luaws.ConnectionHandler
local ConnectionHandler = {}

---@param ws luaws.WebSocketConnection
---@param event luaws.MessageEvent
function ConnectionHandler:onMessage(ws, event) end

---@param ws luaws.WebSocketConnection
---@param event luaws.OpenEvent
function ConnectionHandler:onOpen(ws, event) end

---@param ws luaws.WebSocketConnection
---@param event luaws.TerminateEvent
function ConnectionHandler:onTerminate(ws, event) end

---@param ws luaws.WebSocketConnection
---@param event luaws.ErrorEvent
function ConnectionHandler:onError(ws, event) end

---@param ws luaws.WebSocketConnection
---@param event luaws.DrainEvent
function ConnectionHandler:onDrain(ws, event) end

---@class luaws.WebSocketConnection
---@field id integer
---@field status "Connected"|"Closing"|"Closed"
---@field handler luaws.ConnectionHandler
---@field wss luaws.WebSocketServer
---@field remoteAddress string
---@field path string
---@field params table<string, string>
---@field protocol? string
---@field bufferedAmount integer
---@field [any] any fields of the script's own
local WebSocketConnection = {}

---@param message any
---@param binary? boolean forces the kind of message for a string
---@return true?
---@return integer|"closed"|"dropped" bufferedAmount or why not
function WebSocketConnection:send(message, binary) end

---@param code? integer 1000, 3000-4999
---@param reason? string
function WebSocketConnection:terminate(code, reason) end

function WebSocketConnection:destroy() end

---@param data? string
---@return true?
---@return "closed"?
function WebSocketConnection:ping(data) end

-- Values ------------------------------------------------------------------------------------------

---@class luaws.Null
---@class luaws.Blob

---@class luaws.Json
local Json = {}

---@param value any
---@return string
function Json.encode(value) end

---@param text string
---@return any value or nil
---@return string? message
function Json.decode(text) end

---@generic T: table
---@param t? T
---@return T
function luaws.array(t) end

---@param s string
---@return luaws.Blob
function luaws.blob(s) end

-- Waiting, timers, tasks --------------------------------------------------------------------------

---@param seconds number
---@return true?
---@return "closed"?
function luaws.sleep(seconds) end

---@param f fun(done: fun(...))
---@return any ...
function luaws.await(f) end

---@param f function
---@param ... any
function luaws.spawn(f, ...) end

---@class luaws.Timer
local Timer = {}

function Timer:cancel() end

---@param seconds number
---@param f fun(timer: luaws.Timer)
---@return luaws.Timer
function luaws.after(seconds, f) end

---@param seconds number
---@param f fun(timer: luaws.Timer)
---@return luaws.Timer
function luaws.every(seconds, f) end

-- The rest ----------------------------------------------------------------------------------------

---@class luaws.Log
local Log = {}

---@param message any
---@param fields? table<string, any>
function Log.debug(message, fields) end

---@param message any
---@param fields? table<string, any>
function Log.info(message, fields) end

---@param message any
---@param fields? table<string, any>
function Log.warn(message, fields) end

---@param message any
---@param fields? table<string, any>
function Log.error(message, fields) end

---@param name string
---@param parent? table a class
---@return table class with `new` and `super`
function luaws.class(name, parent) end

---@param code? integer 0-255
function luaws.exit(code) end

return luaws
