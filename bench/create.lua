-- Creates resources. Arguments after "--": the base path, a file with one resource a line, and a file
-- that the result is written to as JSON. Every answer must be 201; of every 64th the Location is kept,
-- with the number of the line that was sent.
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  result_file = args[3]
  local headers = {["Content-Type"] = "application/fhir+json", ["Prefer"] = "return=minimal"}
  requests = {}
  for line in io.lines(args[2]) do
    local kind = line:match('"resourceType"%s*:%s*"(%a+)"')
    requests[#requests + 1] = wrk.format("POST", args[1] .. "/" .. kind, headers, line)
  end
  math.randomseed(number + 1)
  answers, wrong_status, kept = 0, 0, {}
end

function request()
  return requests[math.random(#requests)]
end

function response(status, headers, body)
  answers = answers + 1
  if status ~= 201 then wrong_status = wrong_status + 1 end
  if answers % 64 == 1 then kept[#kept + 1] = headers["Location"] or headers["location"] or "" end
end

function done(summary, latency, requests)
  local wrong_status, answers, kept = 0, 0, {}
  for _, thread in ipairs(threads) do
    wrong_status = wrong_status + thread:get("wrong_status")
    answers = answers + thread:get("answers")
    for _, location in ipairs(thread:get("kept")) do
      kept[#kept + 1] = '"' .. location .. '"'
    end
  end
  local errors = summary.errors
  local file = assert(io.open(threads[1]:get("result_file"), "w"))
  file:write(string.format(
    '{"answers":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"max_us":%d,"wrong_status":%d,' ..
    '"socket_errors":%d,"locations":[%s]}\n',
    answers, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    wrong_status, errors.connect + errors.read + errors.write + errors.timeout,
    table.concat(kept, ",")))
  file:close()
end
