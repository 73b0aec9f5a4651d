-- One move a request: each case in its turn, at the version it has come to. Cases and versions come from a file, one a line.
-- wrk asks once for a request that it does not send.
local cases, sent = {}, -1
for line in io.lines(os.getenv("CASES")) do
  local number, version = line:match("^(%S+) (%d+)$")
  cases[#cases + 1] = { number, tonumber(version) }
end
local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. os.getenv("TOKEN") }
local staff = os.getenv("STAFF")

request = function()
  if sent < 0 then
    sent = 0
    return wrk.format("GET", "/healthz")
  end
  local one = cases[sent % #cases + 1]
  local body = string.format('{"expected_version":%d,"staff":"%s"}', one[2], staff)
  one[2] = one[2] + 1
  sent = sent + 1
  return wrk.format("POST", "/api/cases/" .. one[1] .. "/assign", headers, body)
end
