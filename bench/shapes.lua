-- Asks the paths of a file in turn. Arguments after "--": the file with one path a line, and a file
-- that the result is written to as JSON. Every answer must be 200, and every 16th body a searchset
-- without an OperationOutcome.
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  requests = {}
  for line in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", line, {["Accept"] = "application/fhir+json"})
  end
  result_file = args[2]
  at = number * 7
  answers, looked_at, wrong, wrong_status = 0, 0, 0, 0
end

function request()
  at = at + 1
  return requests[at % #requests + 1]
end

function response(status, headers, body)
  answers = answers + 1
  if status ~= 200 then wrong_status = wrong_status + 1 end
  if answers % 16 == 1 then
    looked_at = looked_at + 1
    if not body:find('"searchset"', 1, true) or body:find('"mode":"outcome"', 1, true) then
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
