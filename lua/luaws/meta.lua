---@meta luaws

-- The Lua API of luaws for editors (lua-language-server): what `require "luaws"` returns. It is
-- never run. Times are in seconds, sizes in bytes. Misuse raises at the caller's line; what can go
-- wrong without being the caller's mistake returns nil and a message. docs/api.md tells it all.

-- Kinds ------------------------------------------------------------------------------------------

---What messages are to the script: text, bytes, or values that travel as JSON.
---@alias luaws.DataType
---| "text"   # strings, sent as text messages
---| "blob"   # strings, sent as binary messages
---| "object" # tables, numbers, booleans, luaws.null: JSON

---How far a connection has come.
---@alias luaws.Status
---| "Connected" # from onOpen on
---| "Closing"   # after terminate or destroy, or when its server closes
---| "Closed"    # in onTerminate and later

---What happens to a client that reads too slowly.
---@alias luaws.SlowConsumer
---| "close" # the connection is closed with 1008; send returns nil, "closed"
---| "drop"  # the message isn't sent; send returns nil, "dropped"

---Whose number an error's errCode is.
---@alias luaws.ComponentSignature
---| "LUAW" # luaws: close code, HTTP status, or 1-99 (docs/errors.md)
---| "LUA_" # a script's error: 1
---| "UV__" # the operating system: libuv's number
---| "OSSL" # TLS
---| "ZLIB" # compression

---What can be sent: a string, a blob, a table (as JSON); under dataType "object" also a number, a
---boolean and luaws.null.
---@alias luaws.Message string|luaws.Blob|table|number|boolean|luaws.Null

---A header's value: an array when the header comes more than once.
---@alias luaws.HeaderValue string|number|(string|number)[]

---JSON's null. True in a condition: compare with `==`.
---@class luaws.Null: userdata

---A string that is always sent as a binary message. `#blob` is its length, `tostring(blob)` its
---bytes; `..` gives a string.
---@class luaws.Blob: userdata
---@operator len: integer
---@operator concat(any): string

-- Events -----------------------------------------------------------------------------------------

---An error, or the cause of one.
---@class luaws.Error
---@field errCode integer what it is, by component: docs/errors.md
---@field message string
---@field componentSignature luaws.ComponentSignature
---@field traceback? string where a script's error was raised
---@field file? string the same: the source
---@field line? integer and the line

---A server has started, or a connection is open.
---@class luaws.OpenEvent
---@field type "open"

---A client asks for a connection.
---@class luaws.ConnectionEvent
---@field type "connection"
---@field request luaws.Request

---A whole message has come.
---@class luaws.MessageEvent
---@field type "message"
---@field data any a string; under dataType "object" what the JSON stands for
---@field isBinary boolean whether it came as a binary message

---The script has been reloaded.
---@class luaws.ReloadEvent
---@field type "reload"
---@field generation integer how many times the script has been loaded

---What was waiting for the client has gone out.
---@class luaws.DrainEvent
---@field type "drain"

---A server has ended.
---@class luaws.ServerTerminateEvent
---@field type "terminate"

---A connection has ended.
---@class luaws.TerminateEvent
---@field type "terminate"
---@field code integer of the close that was begun first; 1005: it had none; 1006: there was none
---@field reason? string of that close
---@field wasClean boolean whether close frames went both ways

---Something went wrong.
---@class luaws.ErrorEvent
---@field type "error"
---@field errors luaws.Error[] [1] is the error, entries behind it are its causes
---@field connection? luaws.WebSocketConnection whose handler has no onError: the server's is told

---An HTTP request wants an answer.
---@class luaws.RequestEvent
---@field type "request"
---@field request luaws.Request

---A client's request. It belongs to the script, which may keep it.
---@class luaws.Request
---@field url string as sent: "/status?name=ryan"
---@field path string the URL up to "?", as sent
---@field query table<string, string|string[]> decoded; an array when a name comes again
---@field params table<string, string> what the names in the server's path stand for, decoded
---@field headers table<string, string|string[]> by lower-case name; other spellings are found too
---@field method string "GET"
---@field protocols string[] the subprotocols that the client offers
---@field remoteAddress string "" on a unix socket; with trustProxy, what the proxy says
---@field remotePort integer 0 on a unix socket; with trustProxy, what the proxy says
---@field secure boolean it speaks TLS (with trustProxy: with the proxy)
---@field peerCertificate? luaws.PeerCertificate the client's, if it has shown one
---@field body? string of onRequest only

---A client's certificate, which one of those in the setting `tls.ca` has signed.
---@class luaws.PeerCertificate
---@field subject string as in RFC 2253: "CN=ann,O=Example"
---@field issuer string the same for who has signed it
---@field serialNumber string hexadecimal
---@field fingerprint256 string SHA-256 of the whole certificate: "AB:CD:..."
---@field validFrom string "2026-01-31T12:00:00Z"
---@field validTo string
---@field subjectAltName string "DNS:a.example, email:ann@example.com"; "" when it has none
---@field pem string the certificate itself

-- Handlers ---------------------------------------------------------------------------------------
-- Any tables that have these methods; what isn't said to be required may be missing. They are
-- looked up when the event comes, and may wait.

---An HTTP answer. A field that isn't listed is an error.
---@class (exact) luaws.Response
---@field status? integer 200 to 599 (200); as a refusal 300 to 599 (403)
---@field headers? table<string, luaws.HeaderValue>
---@field body? string|luaws.Blob

---What onConnection may return beside a handler.
---@class (exact) luaws.Acceptance
---@field protocol? string a subprotocol that the client has offered
---@field headers? table<string, luaws.HeaderValue> further headers of the 101

---Handles a WebSocketServer.
---@class luaws.ServerHandler
local ServerHandler = {}

---Required. Decides on a client, before it has its 101; calls for different clients overlap.
---Raising, or returning anything else, refuses with 500.
---@param wss luaws.WebSocketServer
---@param event luaws.ConnectionEvent
---@return luaws.ConnectionHandler? handler accepts the client; nil refuses it with 403
---@return luaws.Acceptance|luaws.Response|integer|nil more for a handler; a refusal or its status
---@return string|luaws.Blob|nil body of a refusal with a status
function ServerHandler:onConnection(wss, event) end

---The server has started. Once, first.
---@param wss luaws.WebSocketServer
---@param event luaws.OpenEvent
function ServerHandler:onOpen(wss, event) end

---The server, or its web server, was closed. Once, last.
---@param wss luaws.WebSocketServer
---@param event luaws.ServerTerminateEvent
function ServerHandler:onTerminate(wss, event) end

---An error of the server's own, or of a connection whose handler has no onError.
---@param wss luaws.WebSocketServer
---@param event luaws.ErrorEvent
function ServerHandler:onError(wss, event) end

---Handles a WebSocketConnection. While one of its callbacks waits, its next event is held back.
---@class luaws.ConnectionHandler
local ConnectionHandler = {}

---Required. A whole message has come.
---@param ws luaws.WebSocketConnection
---@param event luaws.MessageEvent
function ConnectionHandler:onMessage(ws, event) end

---The connection is open. Once, first.
---@param ws luaws.WebSocketConnection
---@param event luaws.OpenEvent
function ConnectionHandler:onOpen(ws, event) end

---The connection is closed or lost. Once, last.
---@param ws luaws.WebSocketConnection
---@param event luaws.TerminateEvent
function ConnectionHandler:onTerminate(ws, event) end

---A callback has raised, a message couldn't be decoded, the client broke the protocol or a limit. A
---client that goes away is no error.
---@param ws luaws.WebSocketConnection
---@param event luaws.ErrorEvent
function ConnectionHandler:onError(ws, event) end

---bufferedAmount is 0 again, after the system had refused to take all of something.
---@param ws luaws.WebSocketConnection
---@param event luaws.DrainEvent
function ConnectionHandler:onDrain(ws, event) end

---The script has been reloaded: this is the new code.
---@param ws luaws.WebSocketConnection
---@param event luaws.ReloadEvent
function ConnectionHandler:onReload(ws, event) end

---Handles the HTTP requests of a WebServer.
---@class luaws.RequestHandler
local RequestHandler = {}

---Required. Answers a request within 30 seconds; raising gives 500.
---@param web luaws.WebServer
---@param event luaws.RequestEvent
---@return luaws.Response|string|luaws.Blob|nil answer nil leaves it to the static files
function RequestHandler:onRequest(web, event) end

-- WebServer --------------------------------------------------------------------------------------

---A certificate, and what is demanded of clients that are shown it. cert, key and ca are paths of
---PEM files, from the script's folder on, or the text itself ("-----BEGIN ...").
---@class luaws.TLSSettings
---@field cert string the certificate, with its chain behind it
---@field key string its private key
---@field ca? string certificates of those who sign the clients'
---@field verify? "none"|"optional"|"required" of clients; "required" with ca, else "none"
---@field minVersion? "1.2"|"1.3" the lowest version of TLS; "1.2"
---@field ciphers? string OpenSSL's list of ciphers, of TLS 1.2 and 1.3 alike

---By the names that clients ask for: "a.example", "*.example.com", and "default".
---@alias luaws.TLSByName table<string, luaws.TLSSettings>

---Settings of a WebServer. Limits and clocks that may be false are switched off by it.
---@class (exact) luaws.WebServerSettings
---@field host? string address or name, or "unix:/path"; "127.0.0.1"
---@field port? integer 0 takes a free one; 8080
---@field root? string|false folder of static files, from the script's folder on
---@field tls? luaws.TLSSettings|luaws.TLSByName|false certificates, for https and wss; none
---@field handler? luaws.RequestHandler answers HTTP requests
---@field trustProxy? string|string[]|false proxies whose X-Forwarded-For and -Proto count; none
---@field handshakeTimeout? number|false seconds to the end of a request's head; 10
---@field keepAliveTimeout? number|false seconds between two requests; 5
---@field maxBody? integer bytes of a request's body, over it 413; 1 MiB

---The class of web servers.
---@class luaws.WebServerClass
local WebServerClass = {}

---Makes a web server, which doesn't listen yet. Raises for an unknown or bad setting.
---@param settings? luaws.WebServerSettings
---@return luaws.WebServer
---@nodiscard
function WebServerClass.new(settings) end

---A host and port that answer HTTP requests and carry WebSocket servers. `luaws.webServer` is there
---from the beginning.
---@class luaws.WebServer
---@field isRunning boolean (read-only) whether it listens
---@field host string (read-only) as set
---@field port integer (read-only) as set; the real one while it runs
---@field url string (read-only) "http://127.0.0.1:8080/", with TLS "https://127.0.0.1:8080/"
local WebServer = {}

---Takes the settings over those it has and starts listening; nil and a message when it can't (port
---in use, bad host, no such folder, bad certificate). A running one takes what can change: not host
---and port, nor whether it speaks TLS.
---@param settings? luaws.WebServerSettings
---@return true? ok
---@return string? message
function WebServer:start(settings) end

---Reads the certificates again, for connections that come from now on. Nil and a message where they
---are bad: those in use stay.
---@return true? ok
---@return string? message
function WebServer:reloadTLS() end

---Terminates its WebSocket servers and stops listening. Returns at once; it may be started again.
---@param timeout? number seconds for the closing handshakes, 0: none; closeTimeout of each server
function WebServer:stop(timeout) end

-- WebSocketServer --------------------------------------------------------------------------------

---How permessage-deflate is offered and used.
---@class (exact) luaws.Compression
---@field threshold? integer bytes; shorter messages go out as they are; 1024
---@field contextTakeover? boolean messages refer to earlier ones (300 KiB a connection); false
---@field level? integer 0 to 9; 6
---@field windowBits? integer 9 to 15; 15
---@field memLevel? integer 1 to 9; 8

---Options of a WebSocketServer. Limits and clocks that may be false are switched off by it.
---@class (exact) luaws.WebSocketServerOptions
---@field path? string "/chat", "/rooms/:room", "/files/*"; nil: every path that no other one has
---@field dataType? luaws.DataType "text"
---@field protocols? string|string[] subprotocols that it speaks, by preference
---@field origins? string|string[] pages that may connect: "https://*.example.com", "*"; own host
---@field maxPayload? integer|false bytes of a message, over it 1009; 1 MiB; false: 1 GiB
---@field maxFragments? integer|false frames of a message, over it 1008; 16384
---@field maxConnections? integer|false connections at a time, over it 503; none
---@field maxConnectionsPerAddress? integer|false of one address, over it 429; none
---@field maxMessageRate? integer|false messages a second of one connection, read no faster; none
---@field compression? boolean|luaws.Compression permessage-deflate; false
---@field pingInterval? number|false seconds of silence before a ping; 20
---@field pongTimeout? number|false seconds of silence after it before the client counts as lost; 20
---@field handlerTimeout? number|false seconds that a callback may compute at a stretch; none
---@field answerTimeout? number|false seconds that onConnection may take, then 503; 10
---@field closeTimeout? number|false seconds that the closing handshake may take; 10
---@field maxBackpressure? integer|false bytes that may wait for a slow client; 1 MiB
---@field slowConsumer? luaws.SlowConsumer what happens past that; "close"
---@field web? luaws.WebServer the web server that it belongs to; luaws.webServer

---The class of WebSocket servers.
---@class luaws.WebSocketServerClass
local WebSocketServerClass = {}

---Makes a WebSocket server and starts it, and its web server if that isn't running; the path
---answers when it returns. Raises for a handler without onConnection, an unknown or bad option, a
---path that is taken, or a web server that can't start.
---@param handler luaws.ServerHandler
---@param options? luaws.WebSocketServerOptions
---@return luaws.WebSocketServer
function WebSocketServerClass.new(handler, options) end

---A WebSocket server on a path. Lives until it is terminated.
---@class luaws.WebSocketServer
---@field connections luaws.WebSocketConnection[] (read-only) the open ones; replaced, never changed
---@field connectionCount integer (read-only) over all workers
---@field handler table (read-only) what was passed to new: a luaws.ServerHandler
---@field path? string (read-only) as given
---@field dataType luaws.DataType (read-only)
---@field terminated boolean (read-only) true in onTerminate and later
local WebSocketServer = {}

---Closes it: 1001 to each client, then onTerminate for each, then its own. Returns at once. A
---second call can only shorten the time.
---@param timeout? number seconds for the closing handshakes, 0: sockets are dropped; closeTimeout
function WebSocketServer:terminate(timeout) end

---Sends to every connection, encoded once. Raises for what can't be sent.
---@param message luaws.Message
---@param except? luaws.WebSocketConnection the one that is left out
function WebSocketServer:broadcast(message, except) end

---Sends to every subscriber of the topic, encoded once. Raises for what can't be sent and for what
---is no topic.
---@param topic string "chat.kitchen": no pattern
---@param message luaws.Message
function WebSocketServer:publish(topic, message) end

---How many connections a publish would reach, each counted once.
---@param topic string "chat.kitchen": no pattern
---@return integer
---@nodiscard
function WebSocketServer:subscriberCount(topic) end

-- WebSocketConnection ----------------------------------------------------------------------------

---A connection. Can be compared, used as a key, and kept after its end. Any other field may be set
---and stays with it.
---@class luaws.WebSocketConnection
---@field id integer (read-only) unique in this process, never used again
---@field status luaws.Status (read-only)
---@field handler table (read-only) what onConnection returned: a luaws.ConnectionHandler
---@field wss luaws.WebSocketServer (read-only) its server
---@field remoteAddress string (read-only) "" on a unix socket
---@field path string (read-only) as in event.request
---@field params table<string, string> (read-only) as in event.request
---@field protocol? string (read-only) the subprotocol chosen
---@field bufferedAmount integer (read-only) framed bytes that the system has not taken yet
---@field topics string[] (read-only) what it has subscribed to, in that order; always a new array
---@field [string] any the script's own
local WebSocketConnection = {}

---Sends a message: a string by the server's dataType, or as `binary` says; a blob as binary; a
---table as JSON. Raises for what can't be sent.
---@param message luaws.Message
---@param binary? boolean for strings: true sends binary, false text
---@return true? ok
---@return integer|"closed"|"dropped" bufferedAmount or why it wasn't sent
function WebSocketConnection:send(message, binary) end

---Starts the closing handshake; what was sent before goes out first. No onMessage is called from
---then on. Raises for any other code or a longer reason.
---@param code? integer 1000, or 3000 to 4999
---@param reason? string up to 123 bytes of UTF-8
function WebSocketConnection:terminate(code, reason) end

---Drops the socket at once, without a closing handshake.
function WebSocketConnection:destroy() end

---Sends a ping now. Its pong isn't told.
---@param data? string up to 125 bytes
---@return true? ok
---@return "closed"? why
function WebSocketConnection:ping(data) end

---Subscribes to a topic, or to all that match a pattern: * is one segment, > all the rest.
---@param topic string "chat.kitchen", "chat.*", "chat.>"
---@return true? ok also when it has been already
---@return "closed"? why
function WebSocketConnection:subscribe(topic) end

---Ends a subscription to this very topic or pattern.
---@param topic string
---@return boolean? ended false: there was none
---@return "closed"? why
function WebSocketConnection:unsubscribe(topic) end

---Sends to every subscriber of the topic but this connection, encoded once. Raises for what can't
---be sent and for what is no topic.
---@param topic string "chat.kitchen": no pattern
---@param message luaws.Message
function WebSocketConnection:publish(topic, message) end

-- WebSocket --------------------------------------------------------------------------------------

---How far a client has come.
---@alias luaws.ClientStatus
---| "Connecting" # from new on, and between two attempts
---| "Connected"  # from onOpen on
---| "Closing"    # after terminate or destroy
---| "Closed"     # in onTerminate and later

---What a client shows and demands over TLS. Files, from the script's folder on, or PEM text.
---@class (exact) luaws.ClientTls
---@field ca? string who signs the server's certificate; the system's store
---@field cert? string the client's own certificate, with the chain behind it
---@field key? string of cert
---@field insecure? boolean believes any certificate; false

---When a client connects again.
---@class (exact) luaws.Reconnect
---@field min? number seconds between an end and the next attempt, at least; 1
---@field max? number at most; 30
---@field attempts? integer|false that may fail in a row; any number
---@field queue? integer bytes of messages that are kept while it isn't open; none

---Options of a WebSocket. Limits and clocks that may be false are switched off by it.
---@class (exact) luaws.WebSocketOptions
---@field dataType? luaws.DataType the handler's, else "text"
---@field headers? table<string, luaws.HeaderValue> of the handshake, over the handler's
---@field protocols? string|string[] subprotocols that are offered, by preference
---@field tls? luaws.ClientTls for wss
---@field proxy? string|false URL of an HTTP proxy; the environment's
---@field connectTimeout? number|false seconds until it is open; 10
---@field reconnect? boolean|luaws.Reconnect connects again after the end; false
---@field compression? boolean|luaws.Compression permessage-deflate; false
---@field maxPayload? integer|false bytes of a message, over it 1009; 1 MiB; false: 1 GiB
---@field maxFragments? integer|false frames of a message, over it 1008; 16384
---@field pingInterval? number|false seconds of silence before a ping; 20
---@field pongTimeout? number|false seconds of silence after it before the server counts as lost; 20
---@field closeTimeout? number|false seconds that the closing handshake may take; 10
---@field maxBackpressure? integer|false bytes that may wait for a slow server; 1 MiB

---A client's connection is open.
---@class luaws.ClientOpenEvent
---@field type "open"
---@field attempt integer from 1 on, since new or since it was last open

---A client's connection has ended, or hasn't come about.
---@class luaws.ClientTerminateEvent
---@field type "terminate"
---@field code integer of the close that was begun first; 1005: it had none; 1006: there was none
---@field reason? string of that close
---@field wasClean boolean whether close frames went both ways
---@field willRetry boolean whether another attempt follows

---Handles a WebSocket. While one of its callbacks waits, its next event is held back.
---@class luaws.ClientHandler
---@field dataType? luaws.DataType read once, by new
---@field headers? table<string, luaws.HeaderValue> of the handshake; read once, by new
local ClientHandler = {}

---The server has accepted it. Once an attempt, first.
---@param ws luaws.WebSocket
---@param event luaws.ClientOpenEvent
function ClientHandler:onOpen(ws, event) end

---A whole message has come. A client without this method is received from.
---@param ws luaws.WebSocket
---@param event luaws.MessageEvent
function ClientHandler:onMessage(ws, event) end

---bufferedAmount is 0 again, after the system had refused to take all of something.
---@param ws luaws.WebSocket
---@param event luaws.DrainEvent
function ClientHandler:onDrain(ws, event) end

---The script has been reloaded, and a callback has made this client: this is the new code.
---@param ws luaws.WebSocket
---@param event luaws.ReloadEvent
function ClientHandler:onReload(ws, event) end

---What has made the connection fail or not come about. Only onTerminate follows.
---@param ws luaws.WebSocket
---@param event luaws.ErrorEvent
function ClientHandler:onError(ws, event) end

---The connection is closed or lost, or hasn't come about. Once an attempt, last.
---@param ws luaws.WebSocket
---@param event luaws.ClientTerminateEvent
function ClientHandler:onTerminate(ws, event) end

---The class of clients.
---@class luaws.WebSocketClass
local WebSocketClass = {}

---Makes a client, which connects from now on. nil and a message for a malformed URL; raises for a
---bad handler or option.
---@param url string "ws://host:port/path?query", "wss://..."
---@param handler? luaws.ClientHandler
---@param options? luaws.WebSocketOptions
---@return luaws.WebSocket? client
---@return string? message
function WebSocketClass.new(url, handler, options) end

---A client. Lives until it has ended. Any other field may be set and stays with it.
---@class luaws.WebSocket
---@field id integer (read-only) unique in this process, never used again
---@field url string (read-only) as passed
---@field status luaws.ClientStatus (read-only)
---@field handler table (read-only) what was passed to new, a luaws.ClientHandler; or an empty one
---@field dataType luaws.DataType (read-only)
---@field protocol? string (read-only) the subprotocol chosen
---@field bufferedAmount integer (read-only) framed bytes that the system has not taken yet
---@field [string] any the script's own
local WebSocket = {}

---Sends a message: a string by dataType, or as `binary` says; a blob as binary; a table as JSON.
---Raises for what can't be sent.
---@param message luaws.Message
---@param binary? boolean for strings: true sends binary, false text
---@return true? ok
---@return integer|"connecting"|"closed" bufferedAmount or why it wasn't sent
function WebSocket:send(message, binary) end

---Starts the closing handshake, or gives up connecting; there is no further attempt.
---@param code? integer 1000, or 3000 to 4999
---@param reason? string up to 123 bytes of UTF-8
function WebSocket:terminate(code, reason) end

---Drops the socket at once; there is no further attempt.
function WebSocket:destroy() end

---Sends a ping now. Its pong isn't told.
---@param data? string up to 125 bytes
---@return true? ok
---@return "connecting"|"closed"? why
function WebSocket:ping(data) end

---Waits until it is open.
---@param timeout? number seconds; 0 only looks
---@return true? ok
---@return string? message why it isn't going to be; "timeout"
function WebSocket:opened(timeout) end

---Waits for a message. Raises when the handler has an onMessage.
---@param timeout? number seconds; 0 only looks
---@return any data as event.data of onMessage; nil: there is none
---@return boolean|"closed"|"timeout" isBinary or why there is none
---@return integer? code of the close
---@return string? reason of the close
function WebSocket:receive(timeout) end

---The messages, one after the other, until the end: for data, isBinary in ws:messages() do
---@return fun(ws: luaws.WebSocket): any, boolean?
---@return luaws.WebSocket
---@nodiscard
function WebSocket:messages() end

-- Timer ------------------------------------------------------------------------------------------

---A timer of luaws.after or luaws.every.
---@class luaws.Timer
local Timer = {}

---No further call. Cancelling twice, or too late, does nothing.
function Timer:cancel() end

-- Classes ----------------------------------------------------------------------------------------

---A class: methods are defined on it, and `C.new(...)` calls `C:constructor(...)`. What `new`
---returns is known where a line above the class says it: `---@class Chat: luaws.Class<Chat>`; for
---a class with a parent two do: `---@class Dog: Animal` and `---@field new fun(...): Dog`.
---@class luaws.Class<T>
---@field super? luaws.Class its parent
---@field constructor? fun(self: table, ...: any)
---@field new fun(...: any): T an instance, constructed with the arguments; with a dot, not a colon
---@field [string] any methods

-- JSON -------------------------------------------------------------------------------------------

---JSON by RFC 8259: integers stay integers, floats come back the same, arrays stay arrays.
---@class luaws.Json
local json = {}

---The JSON text of a value. Raises for what is no JSON, with the way to it: a table with both kinds
---of keys or with a gap, NaN, infinities, more than 128 levels, invalid UTF-8, functions.
---@param value table|string|number|boolean|luaws.Null
---@return string
---@nodiscard
function json.encode(value) end

---The value of a JSON text, or nil and what is wrong, with line and column. null is luaws.null.
---@param text string
---@return any value
---@return string? message
---@nodiscard
function json.decode(text) end

-- The log ----------------------------------------------------------------------------------------

---Writes lines on stderr, among luaws's own. The message may be any value, written as `tostring`
---has it; fields are up to 32 names and values.
---@class luaws.Log
local log = {}

---For who looks for a mistake.
---@param message any
---@param fields? table<string, any>
function log.debug(message, fields) end

---What happens in the course of things.
---@param message any
---@param fields? table<string, any>
function log.info(message, fields) end

---What somebody should look at.
---@param message any
---@param fields? table<string, any>
function log.warn(message, fields) end

---What went wrong.
---@param message any
---@param fields? table<string, any>
function log.error(message, fields) end

-- Counters ---------------------------------------------------------------------------------------

---Messages and bytes in one direction.
---@class luaws.Traffic
---@field messages integer each recipient of a broadcast counts
---@field bytes integer of these messages
---@field wire integer bytes through sockets, HTTP included, TLS's own left out

---The clients that the script has made.
---@class luaws.ClientStats
---@field open integer now
---@field opened integer ever
---@field failed integer that ended before they were open
---@field closed table<string, integer> of those that were, by close code: "1006"

---What the whole process has done since its start.
---@class luaws.Stats
---@field uptime number seconds
---@field connections integer WebSocket connections open now
---@field opened integer WebSocket connections ever opened
---@field closed table<string, integer> of these, by close code: "1006"
---@field clients luaws.ClientStats those that the script has made itself
---@field accepted integer sockets
---@field tlsFailed integer of these, without a TLS handshake
---@field refused table<string, integer> handshakes and bad requests, by HTTP status: "403"
---@field requests integer plain HTTP requests
---@field received luaws.Traffic
---@field sent luaws.Traffic
---@field dropped integer messages that slow consumers didn't get
---@field undelivered integer what was asked of connections that were gone by then
---@field errors table<string, integer> by component: "LUA_"

-- The module -------------------------------------------------------------------------------------

---A scriptable WebSocket server.
---@class luaws
---@field WebServer luaws.WebServerClass
---@field WebSocketServer luaws.WebSocketServerClass
---@field WebSocket luaws.WebSocketClass
---@field webServer luaws.WebServer the one that WebSocket servers use unless told otherwise
---@field json luaws.Json
---@field log luaws.Log
---@field null luaws.Null JSON's null
---@field workerIndex? integer (read-only) which of the script's workers, from 1; else nil
---@field workerName string (read-only) "main", or the name by which others call this one
---@field generation integer (read-only) how many times the script has been loaded: 1, 2, ...
---@field onError? fun(event: luaws.ErrorEvent) hears of errors outside handlers; yours to set
local luaws = {}

---Makes a class. Raises when the name is no string or the parent no class.
---@param name string
---@param parent? luaws.Class
---@return luaws.Class
---@nodiscard
function luaws.class(name, parent) end

---Makes a table an array for JSON, also when it is empty, and returns it. Raises when it has
---another metatable.
---@generic T: table
---@param t? T a new one when missing
---@return T
function luaws.array(t) end

---Bytes that are always sent as a binary message. Raises for anything but a string or a blob.
---@param bytes string|luaws.Blob
---@return luaws.Blob
---@nodiscard
function luaws.blob(bytes) end

---Waits; everything else goes on. When the connection whose callback waits ends, returns nil and
---"closed" at once. Raises where waiting is impossible (below a C function, in a coroutine of one's
---own).
---@param seconds number 0: until all else that is ready has had its turn
---@return true? ok
---@return "closed"? why
function luaws.sleep(seconds) end

---Calls `f(done)` and waits until `done(...)` is called; returns what it was given.
---@param f fun(done: fun(...: any))
---@return any ...
function luaws.await(f) end

---Runs `f(...)` as a task, which may wait, from the next turn on.
---@param f fun(...: any)
---@param ... any
function luaws.spawn(f, ...) end

---Calls `f(timer)` once.
---@param seconds number 0: in the next turn
---@param f fun(timer: luaws.Timer)
---@return luaws.Timer
function luaws.after(seconds, f) end

---Calls `f(timer)` again and again, never while a call of it still waits.
---@param seconds number more than 0
---@param f fun(timer: luaws.Timer)
---@return luaws.Timer
function luaws.every(seconds, f) end

---Calls a function in another worker, which is made when there is none of that name, and doesn't
---wait for it. Arguments are copied: nil, booleans, numbers, strings, luaws.null, blobs and tables
---of these; raises for anything else.
---@param name string whom; "main" is the script's first worker
---@param target string "module.function", or a module that is a function
---@param ... any
---@return true? ok
---@return string? message why there is no such worker, or why it takes no call
function luaws.callWorker(name, target, ...) end

---Calls a function in another worker and waits: returns copies of what it returns, raises what it
---raises, with the traceback that it has there.
---@param name string whom; "main" is the script's first worker
---@param target string "module.function", or a module that is a function
---@param ... any
---@return any ...
function luaws.askWorker(name, target, ...) end

---Ends a worker when its present call has returned; calls that wait for it are dropped. That of the
---script ends the program. An unknown name does nothing.
---@param name? string this one when missing
function luaws.killWorker(name) end

---Counters of the whole process; a new table each time.
---@return luaws.Stats
---@nodiscard
function luaws.stats() end

---Has the script read again, as soon as no callback runs, while its connections stay open.
---@return true? ok
---@return string? why it can't be
function luaws.reload() end

---A value that outlives reloads of the script: that of `name`, at first `init`.
---@generic T
---@param name string
---@param init? T|fun(): T the value to begin with, or a function that makes it, called once
---@return T
function luaws.persist(name, init) end

---Ends the program cleanly, as SIGTERM does. Returns: the callback that called it goes on.
---@param code? integer exit code, 0 to 255; 0
function luaws.exit(code) end

-- luaws.testing ----------------------------------------------------------------------------------

---A real client of a server under test: what it receives is kept.
---@class luaws.TestClient
---@field sent any[] (read-only) what the handler has sent to it: strings, or decoded values
---@field closed boolean (read-only) whether the connection has ended
---@field code? integer (read-only) the close code, when it has
---@field reason? string (read-only)
---@field wasClean? boolean (read-only) whether close frames went both ways
---@field protocol? string (read-only) the subprotocol that the server has chosen
---@field ws luaws.WebSocket (read-only) the WebSocket itself
local TestClient = {}

---Sends, as a WebSocket does.
---@param message luaws.Message
---@param binary? boolean whether a string goes out as a binary message
---@return true? ok
---@return integer|string bufferedAmountOrWhy
function TestClient:send(message, binary) end

---The next message that has not been received yet; waits for it.
---@param timeout? number seconds; without it as long as the test may
---@return any data nil: there is none
---@return boolean|"timeout"|"closed" isBinaryOrWhy
---@return integer? code when it is closed
---@return string? reason
function TestClient:receive(timeout) end

---Receives until the connection has ended: `for message in ann:messages() do`.
---@return fun(): any
function TestClient:messages() end

---Sends a ping.
---@param data? string up to 125 bytes
---@return true? ok
---@return string? why
function TestClient:ping(data) end

---Closes, and waits for the end.
---@param code? integer 1000, or 3000 to 4999; 1000
---@param reason? string
function TestClient:close(code, reason) end

---Drops the connection without a close frame, and waits for its end.
function TestClient:lose() end

---Waits until something has come, or the connection has ended.
---@param timeout? number seconds
function TestClient:awaitNews(timeout) end

---Waits until the connection has ended.
function TestClient:awaitEnd() end

---An answer over HTTP.
---@class luaws.TestAnswer
---@field status integer
---@field headers table<string, string> by their names in lower case
---@field body string

---A real server under test. It ends with the test, describe or file in which it was made.
---@class luaws.TestServer
---@field url string (read-only) of the first server: "ws://127.0.0.1:34567"
---@field port integer (read-only) of the first server
---@field wss luaws.WebSocketServer (read-only) the first server
---@field output? string[] (read-only) the lines that a script has printed
---@field exitCode? integer (read-only) what a script has given to luaws.exit
local TestServer = {}

---A client that is open. Raises with the server's reason when it is refused.
---@param path? string "/", with its query
---@param options? luaws.WebSocketOptions
---@return luaws.TestClient
function TestServer:connect(path, options) end

---The HTTP status with which a client is refused. Raises when it isn't.
---@param path? string "/", with its query
---@param options? luaws.WebSocketOptions
---@return integer status
---@return string message
function TestServer:refused(path, options) end

---The answer to a GET.
---@param path string
---@param headers? table<string, string>
---@return luaws.TestAnswer
function TestServer:get(path, headers) end

---The first line that a script prints which matches a Lua pattern; waits for it.
---@param pattern string
---@param timeout? number seconds; 2
---@return string? line nil: there is none
function TestServer:awaitOutput(pattern, timeout) end

---Ends it before the test does, and waits for that.
function TestServer:stop() end

---How a fake connection's client asks, and the options of its server.
---@class luaws.TestConnectionOptions: luaws.WebSocketServerOptions
---@field url? string path and query; or they are made of the next two
---@field params? table<string, string|number> what stands for the names in the option path
---@field query? table<string, string|number|(string|number)[]>
---@field headers? table<string, string|string[]|false>
---@field remoteAddress? string "127.0.0.1"
---@field secure? boolean
---@field server? luaws.WebSocketServer the wss of another such connection

---A frame for deliverFrame.
---@class luaws.TestFrame
---@field opcode "text"|"binary"|"continuation"|"ping"|"pong"|"close"|integer
---@field data? string
---@field fin? boolean true
---@field rsv? integer 0 to 7
---@field masked? boolean true

---What a fake connection's client has received: a message, or a control frame.
---@class luaws.TestReceived
---@field type "message"|"ping"|"pong"|"close"|"failure"
---@field data? string
---@field isBinary? boolean
---@field code? integer
---@field reason? string

---A connection without a network, as its client sees it. Its methods return, and its fields are
---looked at, when all has come to rest.
---@class luaws.TestConnection
---@field sent any[] (read-only) all messages of the handler; with dataType "object" decoded
---@field isBinary boolean[] (read-only) whether each of them was binary
---@field frames luaws.TestReceived[] (read-only) all that has come
---@field closed boolean (read-only) whether the connection has ended
---@field code? integer (read-only) how: the close code, 1006 without a close frame
---@field reason? string (read-only)
---@field wasClean? boolean (read-only)
---@field connection luaws.WebSocketConnection (read-only) the one that the handler gets
---@field wss luaws.WebSocketServer (read-only)
---@field handler table (read-only) the connection's
---@field clock luaws.TestClock (read-only)
---@field protocol? string (read-only) the subprotocol that the server has chosen
---@field answer luaws.TestAnswer (read-only) to its request
local TestConnection = {}

---The client sends a message: a string, or what JSON can say.
---@param message any
---@param isBinary? boolean
---@return true? ok
---@return string? why "closed"
function TestConnection:deliver(message, isBinary) end

---The client sends one frame, good or bad.
---@param frame luaws.TestFrame
---@return true ok
function TestConnection:deliverFrame(frame) end

---The client sends these bytes.
---@param bytes string
---@return true ok
function TestConnection:deliverBytes(bytes) end

---The client sends a ping.
---@param data? string
---@return true ok
function TestConnection:ping(data) end

---The client sends a close frame, without a code when none is given.
---@param code? integer
---@param reason? string
---@return true? ok
---@return string? why "closed"
function TestConnection:close(code, reason) end

---The connection is lost.
---@return true ok
function TestConnection:lose() end

---The client reads nothing any more.
---@return true ok
function TestConnection:fill() end

---The client reads again.
---@return true ok
function TestConnection:drain() end

---The client answers neither pings nor close frames any more; or again.
---@param isSilent? boolean true
function TestConnection:silence(isSilent) end

---The clock of fake connections, and of all that their handlers start.
---@class luaws.TestClock
---@field now number (read-only) seconds
local TestClock = {}

---Moves on; what is due meanwhile happens at its time.
---@param seconds number how far
---@return number now
function TestClock:advance(seconds) end

---How a script under test is run.
---@class (exact) luaws.TestScriptOptions
---@field args? string[] its arguments
---@field tls? boolean whether it serves https and wss, with a certificate made for the run

---An error that a callback, a timer or a task has raised.
---@class luaws.TestError: luaws.Error
---@field callback string "onMessage", "timer", ...

---What specs find by `require "luaws.testing"`, which `luaws test` runs.
---@class luaws.testing
local testing = {}

---A real server on a free port, for a handler or a script.
---@param target table|string a server's handler, a connection's, or a script's path
---@param options? luaws.WebSocketServerOptions|luaws.TestScriptOptions
---@return luaws.TestServer
function testing.server(target, options) end

---A connection without a network, whose client the test plays, and the clock that it goes by. Nil,
---and what the client is told, when it is refused; the types leave that out, for brevity of tests.
---@param handler? luaws.ConnectionHandler|luaws.ServerHandler nil: options.server has one
---@param options? luaws.TestConnectionOptions
---@return luaws.TestConnection ws
---@return luaws.TestClock clock or the HTTP status, an integer
---@return string? body
---@return table<string, string>? headers
function testing.connection(handler, options) end

---All that callbacks, timers and tasks have raised in this test, oldest first. A test that ends
---with errors it has not asked for fails.
---@return luaws.TestError[]
function testing.errors() end

---The next of these errors; waits for it.
---@param timeout? number seconds; 2
---@return luaws.TestError? err nil: there is none
function testing.nextError(timeout) end

return luaws
