-- Certificates for specs, made by openssl on first use: they are new in each process of luaws-spec (and its children),
-- lie in a temporary folder, and go with it.
--
--   local certificates = require "spec.support.certificates"
--
--   certificates.server.cert, certificates.server.key   paths of PEM files; so for each name below
--   certificates.ca                                       the path of the authority's certificate, which signs them
--   certificates.text(path)                               what is in a file
--   certificates.fingerprint(path)                        its SHA-256, as "AB:CD:..."
--
-- server        for localhost, 127.0.0.1 and ::1
-- renewed       the same names again, with another key
-- other         for other.example alone
-- wildcard      for *.example.com
-- expired       for localhost; ended yesterday
-- future        for localhost; begins tomorrow
-- client        a client's, /O=Specs/CN=client, with the e-mail address client@example.com as alternative name
-- chained       for localhost, by an authority between; .cert has both certificates, .leaf has its own alone
-- selfSigned    for localhost; signed by itself
-- stranger      for localhost and for clients; by an authority that nobody knows, whose certificate is
--               certificates.strangerCa
-- mismatched    server's certificate with other's key
-- encrypted     server's certificate with its key under the pass phrase "secret"
--
-- All keys are of the curve P-256. They are made at once, without waiting: a file's body may ask for them.

local uv = require "luv"

local certificates = {}

local VARIABLE = "LUAWS_SPEC_CERTIFICATES"
local LOCALHOST = "DNS:localhost,IP:127.0.0.1,IP:::1"

-- `openssl ca` alone can set both ends of the time that a certificate is good for.
local CONFIGURATION = [[
[ca]
default_ca = it
[it]
database = index
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
[any]
organizationName = optional
commonName = supplied
[authority]
basicConstraints = critical,CA:true
subjectKeyIdentifier = hash
[peer]
basicConstraints = CA:false
subjectAltName = $ENV::NAMES
extendedKeyUsage = serverAuth,clientAuth
]]

local SCRIPT = [[
set -e
cd "$1"
: >index
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>>log; }
root() { # name subject extensions
  key "$1"
  openssl req -x509 -config ca.conf -new -key "$1.key" -subj "$2" -days 30 -extensions "$3" -out "$1.pem" 2>>log
}
signed() { # authority name subject extensions [begin end]
  key "$2"
  openssl req -config ca.conf -new -key "$2.key" -subj "$3" -out "$2.csr" 2>>log
  openssl ca -batch -notext -config ca.conf -cert "$1.pem" -keyfile "$1.key" -in "$2.csr" -out "$2.pem" \
    -extensions "$4" -startdate "${5:-$TODAY}" -enddate "${6:-$LATER}" 2>>log
}
export NAMES="$LOCALHOST"
root ca "/O=Specs/CN=Authority" authority
root strangerCa "/O=Specs/CN=Unknown authority" authority
root selfSigned "/CN=localhost" peer
signed ca between "/O=Specs/CN=Authority between" authority
signed ca server "/CN=localhost" peer
signed ca renewed "/CN=localhost" peer
signed ca expired "/CN=localhost" peer "$LONG_AGO" "$YESTERDAY"
signed ca future "/CN=localhost" peer "$TOMORROW" "$LATER"
signed between leaf "/CN=localhost" peer
signed strangerCa stranger "/CN=localhost" peer
NAMES="DNS:other.example" signed ca other "/CN=other.example" peer
NAMES="DNS:*.example.com" signed ca wildcard "/CN=example.com" peer
NAMES="email:client@example.com" signed ca client "/O=Specs/CN=client" peer
cat leaf.pem between.pem >chained.pem
openssl pkcs8 -topk8 -in server.key -passout pass:secret -out encrypted.key 2>>log
]]

local FILES = { -- name -> certificate, key
  server = { "server", "server" }, renewed = { "renewed", "renewed" }, other = { "other", "other" },
  wildcard = { "wildcard", "wildcard" }, expired = { "expired", "expired" }, future = { "future", "future" },
  client = { "client", "client" }, chained = { "chained", "leaf" }, selfSigned = { "selfSigned", "selfSigned" },
  stranger = { "stranger", "stranger" }, mismatched = { "server", "other" }, encrypted = { "server", "encrypted" },
}

function certificates.text(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

function certificates.fingerprint(path)
  local pipe = assert(io.popen(("openssl x509 -in '%s' -noout -fingerprint -sha256"):format(path)))
  local text = pipe:read("a")
  pipe:close()
  return (assert(text:match("=([%x:]+)"), text))
end

local function days(n)
  return os.date("!%Y%m%d%H%M%SZ", os.time() + n * 86400)
end

local function shellQuote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function make(folder)
  local config = assert(io.open(folder .. "/ca.conf", "w"))
  config:write(CONFIGURATION)
  config:close()
  local times = { LONG_AGO = days(-30), YESTERDAY = days(-1), TODAY = days(-0.5), TOMORROW = days(1), LATER = days(30) }
  local assignments = { "LOCALHOST=" .. LOCALHOST }
  for name, time in pairs(times) do assignments[#assignments + 1] = name .. "=" .. time end
  local made = os.execute(("%s sh -c %s sh %s"):format(
    table.concat(assignments, " "), shellQuote(SCRIPT), shellQuote(folder)))
  if made then return end
  local ok, log = pcall(certificates.text, folder .. "/log")
  error("openssl has not made the certificates for the specs:\n" .. (ok and log or "is openssl installed?"), 0)
end

-- Not by luv: what it allocates while the state is being closed is never freed.
local function removeFolder(folder)
  os.execute("rm -r " .. shellQuote(folder))
end

-- The folder in which they lie. The process that has made it removes it when its Lua state is closed.
local function findFolder()
  local inherited = os.getenv(VARIABLE)
  if inherited then return inherited end
  local folder = assert(uv.fs_mkdtemp(uv.os_tmpdir() .. "/luaws-certificates-XXXXXX"))
  -- Where --repeat forgets no modules.
  debug.getregistry()[VARIABLE] = setmetatable({}, { __gc = function() removeFolder(folder) end })
  make(folder)
  uv.os_setenv(VARIABLE, folder)
  return folder
end

local function fill()
  local folder = findFolder()
  local function path(name, ending) return ("%s/%s.%s"):format(folder, name, ending) end
  certificates.ca = path("ca", "pem")
  certificates.strangerCa = path("strangerCa", "pem")
  for name, files in pairs(FILES) do
    certificates[name] = { cert = path(files[1], "pem"), key = path(files[2], "key") }
  end
  certificates.chained.leaf = path("leaf", "pem")
end

return setmetatable(certificates, {
  __index = function(self, name)
    if name ~= "ca" and name ~= "strangerCa" and not FILES[name] then return nil end
    setmetatable(self, nil)
    fill()
    return self[name]
  end,
})
