-- Tiles in turns, each connection from another one on; the paths stand in a file, the sign-in, if there is one, outside.
local paths = {}
for line in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = line end
local headers = { ["Accept-Encoding"] = "gzip" }
if os.getenv("TOKEN") then headers["Authorization"] = "Bearer " .. os.getenv("TOKEN") end
local n = math.random(#paths)

request = function()
  n = n % #paths + 1
  return wrk.format("GET", paths[n], headers)
end
