-- Reads resources by id in random order. Arguments after "--": a file with one path a line, and a
-- file that the result is written to as JSON, and the longest pause of a connection between two
-- requests in ms (0: none). Status codes are checked for every answer; of every
-- 64th answer the body is looked at: it must be a resource of the set.
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  paths, ids = {}, {}
  for line in io.lines(args[1]) do
    paths[#paths + 1] = line
    ids[line:match("([^/]+)$")] = true
  end
  result_file = args[2]
  local pause_ms = tonumber(args[3])
  if pause_ms > 0 then
    delay = function() return math.random(0, pause_ms) end
  end
  math.randomseed(number + 1)
  requests = {}
  for i = 1, #paths do
    requests[i] = wrk.format("GET", paths[i], {["Accept"] = "application/fhir+json"})
  end
  answers, looked_at, wrong, wrong_status = 0, 0, 0, 0
end

function request()
  return requests[math.random(#requests)]
end

function response(status, headers, body)
  answers = answers + 1
  if status ~= 200 then wrong_status = wrong_status + 1 end
  if answers % 64 == 1 then
    looked_at = looked_at + 1
    local id = body:match('"id"%s*:%s*"([^"]+)"')
    if not body:find('"resourceType"', 1, true) or not ids[id] then
      wrong = wrong + 1
    end
  end
end

function done(summary, latency, requests)
  local looked_at, wrong, wrong_status, answers = 0, 0, 0, 0
  for _, thread in ipairs(threads) do
    looked_at = looked_at + thread:get("looked_at")
    wrong = wrong + thread:get("wrong")
    wrong_status = wrong_status + thread:get("wrong_status")
    answers = answers + thread:get("answers")
  end
  local errors = summary.errors
  local file = assert(io.open(threads[1]:get("result_file"), "w"))
  file:write(string.format(
    '{"requests":%d,"answers":%d,"duration_us":%d,"bytes":%d,"p50_us":%d,"p99_us":%d,"max_us":%d,' ..
    '"looked_at":%d,"wrong":%d,"wrong_status":%d,"socket_errors":%d}\n',
    summary.requests, answers, summary.duration, summary.bytes, latency:percentile(50),
    latency:percentile(99), latency.max, looked_at, wrong, wrong_status,
    errors.connect + errors.read + errors.write + errors.timeout))
  file:close()
end
