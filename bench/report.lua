-- One report a request, each with a key and a place of its own. wrk's generator is seeded by time and thread.
local box, codes = {}, {}
for number in os.getenv("BOX"):gmatch("%S+") do box[#box + 1] = tonumber(number) end
for code in os.getenv("CODES"):gmatch("%S+") do codes[#codes + 1] = code end
local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. os.getenv("TOKEN") }
local urandom = io.open("/dev/urandom", "rb")

local function uuid()
  local hex = {}
  for n = 1, 16 do hex[n] = string.format("%02x", urandom:read(1):byte()) end
  hex[7] = "4" .. hex[7]:sub(2)
  hex[9] = "8" .. hex[9]:sub(2)
  local s = table.concat(hex)
  return s:sub(1, 8) .. "-" .. s:sub(9, 12) .. "-" .. s:sub(13, 16) .. "-" .. s:sub(17, 20) .. "-" .. s:sub(21)
end

request = function()
  local lon = box[1] + math.random() * (box[3] - box[1])
  local lat = box[2] + math.random() * (box[4] - box[2])
  local body = string.format(
    '{"client_uid":"%s","channel":"officer","category":"%s","lon":%.7f,"lat":%.7f,"crs":"WGS84","accuracy_m":8,"text":"bench"}',
    uuid(), codes[math.random(#codes)], lon, lat)
  return wrk.format("POST", nil, headers, body)
end
