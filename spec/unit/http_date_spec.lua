-- src/http/date.c: HTTP dates, RFC 9110 section 5.6.7.

local http = require("probe").http

local NOW = 1750000000 -- 2025-06-15

local EXAMPLES = {
  [0] = "Thu, 01 Jan 1970 00:00:00 GMT",
  [784111777] = "Sun, 06 Nov 1994 08:49:37 GMT",
  [951782399] = "Mon, 28 Feb 2000 23:59:59 GMT",
  [951782400] = "Tue, 29 Feb 2000 00:00:00 GMT",
  [951868800] = "Wed, 01 Mar 2000 00:00:00 GMT",
  [1709164800] = "Thu, 29 Feb 2024 00:00:00 GMT",
  [1735689599] = "Tue, 31 Dec 2024 23:59:59 GMT",
  [1735689600] = "Wed, 01 Jan 2025 00:00:00 GMT",
  [4107542400] = "Mon, 01 Mar 2100 00:00:00 GMT",
  [253402300799] = "Fri, 31 Dec 9999 23:59:59 GMT",
}

describe("http_date", function()
  it("writes IMF-fixdate", function()
    for time, text in pairs(EXAMPLES) do assert.equal(text, http.date(time)) end
  end)

  it("agrees with the C library on every day of 150 years", function()
    for day = 0, 150 * 366 do
      local time = day * 86400 + day % 86400
      assert.equal(os.date("!%a, %d %b %Y %H:%M:%S GMT", time), http.date(time))
    end
  end)

  it("stops at the year 9999", function()
    for _, time in ipairs { 253402300800, math.maxinteger, -1 } do -- -1: UINT64_MAX
      assert.equal("Fri, 31 Dec 9999 23:59:59 GMT", http.date(time))
    end
  end)
end)

describe("http_date_parse", function()
  it("reads what http_date writes", function()
    for time, text in pairs(EXAMPLES) do assert.equal(time, http.dateParse(text, NOW)) end
    for time = 0, 4200000000, 3599999 do
      assert.equal(time, http.dateParse(http.date(time), NOW))
    end
  end)

  it("reads the two old formats", function()
    for text, time in pairs {
      ["Sunday, 06-Nov-94 08:49:37 GMT"] = 784111777,
      ["Sun Nov  6 08:49:37 1994"] = 784111777,
      ["Wed Nov 16 08:49:37 1994"] = 784975777,
      ["Friday, 31-Dec-99 00:00:00 GMT"] = 946598400,
      ["Wednesday, 01-Jan-25 00:00:00 GMT"] = 1735689600,
    } do
      assert.equal(time, http.dateParse(text, NOW), text)
    end
  end)

  it("takes two digits for a year that is at most 50 years ahead", function()
    local year2075 = http.dateParse("Tue, 01 Jan 2075 00:00:00 GMT", NOW)
    local year1976 = http.dateParse("Thu, 01 Jan 1976 00:00:00 GMT", NOW)
    assert.equal(year2075, http.dateParse("Tuesday, 01-Jan-75 00:00:00 GMT", NOW))
    assert.equal(year1976, http.dateParse("Thursday, 01-Jan-76 00:00:00 GMT", NOW))
    assert.is_number(http.dateParse("Thursday, 01-Jan-76 00:00:00 GMT", math.maxinteger))
  end)

  it("knows times before 1970 and leap seconds", function()
    assert.equal(-86400, http.dateParse("Wed, 31 Dec 1969 00:00:00 GMT", NOW))
    assert.equal(-62167219200, http.dateParse("Sat, 01 Jan 0000 00:00:00 GMT", NOW))
    assert.equal(1483228800, http.dateParse("Sat, 31 Dec 2016 23:59:60 GMT", NOW))
  end)

  it("refuses everything else", function()
    for _, text in ipairs {
      "", "x", "0", "784111777", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
      "Sun, 06 Nov 1994 08:49:37 GMT ", " Sun, 06 Nov 1994 08:49:37 GMT", "sun, 06 Nov 1994 08:49:37 GMT",
      "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun 06 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 Nov 19940 08:49:37 GMT", "Sun, 06 Nov 1994 8:49:37 GMT",
      "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
      "Sun, 00 Nov 1994 08:49:37 GMT", "Thu, 31 Nov 1994 08:49:37 GMT", "Wed, 29 Feb 2023 00:00:00 GMT",
      "Mon, 29 Feb 2100 00:00:00 GMT", "Sun, 32 Jan 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
      "Foo, 06 Nov 1994 08:49:37 GMT", "Sunday, 06 Nov 1994 08:49:37 GMT", "Sun, 06-Nov-94 08:49:37 GMT",
      "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "Sun Nov 06 08:49:37 94",
      "Sun Nov   08:49:37 1994", "Sun Nov  6 08:49:37 1994 GMT", "Sun, 06 Nov 1994 -8:49:37 GMT",
      "Sun, 06 Nov 1994 08:49:37 GMT\0",
    } do
      assert.is_nil(http.dateParse(text, NOW), text)
    end
  end)

  it("refuses every date that is cut short", function()
    for _, text in ipairs { "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                            "Sun Nov  6 08:49:37 1994" } do
      for i = 0, #text - 1 do assert.is_nil(http.dateParse(text:sub(1, i), NOW)) end
    end
  end)
end)
