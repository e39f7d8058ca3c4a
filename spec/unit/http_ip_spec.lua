-- src/http/ip.c: IP addresses as text and back, compared with what the system makes of them.

local ip = require("probe").proxies

local function hex(bytes)
  return bytes and bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
end

local function v4(text) return "00000000000000000000ffff" .. text end

describe("http_ip_read", function()
  it("reads IPv4 and every form of IPv6", function()
    for text, bytes in pairs {
      ["192.0.2.1"] = v4 "c0000201", ["0.0.0.0"] = v4 "00000000", ["255.255.255.255"] = v4 "ffffffff",
      ["::ffff:192.0.2.1"] = v4 "c0000201", ["::FFFF:c000:201"] = v4 "c0000201",
      ["::"] = ("0"):rep(32), ["::1"] = ("0"):rep(31) .. "1", ["1::"] = "0001" .. ("0"):rep(28),
      ["1:2:3:4:5:6:7:8"] = "00010002000300040005000600070008",
      ["1:2:3:4:5:6:7::"] = "00010002000300040005000600070000",
      ["::2:3:4:5:6:7:8"] = "00000002000300040005000600070008", ["1:2::7:8"] = "00010002000000000000000000070008",
      ["2001:DB8::aBcD"] = "20010db800000000000000000000abcd",
      ["1:2:3:4:5:6:1.2.3.4"] = "00010002000300040005000601020304",
      ["64:ff9b::192.0.2.33"] = "0064ff9b0000000000000000c0000221", ["::1.2.3.4"] = ("0"):rep(24) .. "01020304",
    } do
      assert.equal(bytes, (hex(ip.readIp(text))), text)
      assert.equal(bytes, (hex(ip.readSystem(text))), text)
    end
  end)

  it("refuses what is neither, as the system does", function()
    for _, text in ipairs {
      "", " ", ".", ":", ":::", "1", "1.2.3", "1.2.3.4.5", "1.2.3.4.", ".1.2.3.4", "1..3.4", "01.2.3.4", "1.2.3.256",
      "1.2.3.1000", "1.2.3.4 ", " 1.2.3.4", "0x1.2.3.4", "1.2.3.-4", "1.2.3.4/8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1::2::3", ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "1:", ":1", "1:::2",
      "12345::", "::12345", "g::", "::g", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4::", "::1.2.3", "::1.2.3.4:5", "::1.2.3.4.5",
      "::1.2.3.256", "[::1]", "::1%1", "::1/64", "1.2.3.4\0", "::1\0", "::\0", "1:2:3:4:5:6:7:8 ", "-1::",
    } do
      assert.is_nil(ip.readIp(text), text)
      assert.is_nil(ip.readSystem(text), text)
    end
  end)

  it("agrees with the system on anything that looks like one", function()
    math.randomseed(1)
    local pieces = { ":", "::", "1", "0", "ffff", "a", ":2", ".3", "1.2.3.4", "255", ".", "g", "12345", ":0:0" }
    for _ = 1, 20000 do
      local text = {}
      for i = 1, math.random(1, 12) do text[i] = pieces[math.random(#pieces)] end
      text = table.concat(text)
      assert.equal(ip.readSystem(text), ip.readIp(text), text)
    end
  end)
end)

describe("http_ip_write", function()
  it("writes as the system does", function()
    math.randomseed(2)
    for _ = 1, 5000 do
      local groups = {}
      for i = 1, 8 do groups[i] = math.random(3) > 1 and 0 or math.random(65535) >> math.random(0, 12) end
      if groups[1] == 0 then groups[1] = 0x2001 end -- the system writes the obsolete ::1.2.3.4 for ::102:304
      local bytes = string.pack(">I2I2I2I2I2I2I2I2", table.unpack(groups))
      assert.equal(ip.writeSystem(bytes), ip.writeIp(bytes))
      assert.equal(bytes, ip.readIp(ip.writeIp(bytes)))
    end
  end)

  it("writes IPv4 as such, and the first longest gap alone", function()
    for text, written in pairs {
      ["192.0.2.1"] = "192.0.2.1", ["::ffff:192.0.2.1"] = "192.0.2.1", ["::"] = "::", ["::1"] = "::1", ["1::"] = "1::",
      ["0:0:1::"] = "0:0:1::", ["1:0:0:2:0:0:0:3"] = "1:0:0:2::3", ["1:0:0:2:0:0:3:4"] = "1::2:0:0:3:4",
      ["1:0:2:0:3:0:4:0"] = "1:0:2:0:3:0:4:0", ["2001:DB8::A"] = "2001:db8::a",
    } do
      assert.equal(written, ip.writeIp(ip.readIp(text)), text)
    end
  end)
end)
