-- Fetches image frames or image set metadata in random order. Arguments after "--": a file with a
-- method, a path and the size of the answer a line, and a file that the result is written to as JSON. Every
-- answer's status and size are checked: the size must be one of the set's.
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  requests, sizes = {}, {}
  for line in io.lines(args[1]) do
    local method, path, size = line:match("^(%S+) (%S+) (%d+)$")
    requests[#requests + 1] = wrk.format(method, path)
    sizes[tonumber(size)] = true
  end
  result_file = args[2]
  math.randomseed(number + 1)
  answers, wrong, wrong_status = 0, 0, 0
end

function request()
  return requests[math.random(#requests)]
end

function response(status, headers, body)
  answers = answers + 1
  if status ~= 200 then
    wrong_status = wrong_status + 1
  elseif not sizes[#body] then
    wrong = wrong + 1
  end
end

function done(summary, latency, requests)
  local wrong, wrong_status, answers = 0, 0, 0
  for _, thread in ipairs(threads) do
    wrong = wrong + thread:get("wrong")
    wrong_status = wrong_status + thread:get("wrong_status")
    answers = answers + thread:get("answers")
  end
  local errors = summary.errors
  local file = assert(io.open(threads[1]:get("result_file"), "w"))
  file:write(string.format(
    '{"answers":%d,"duration_us":%d,"bytes":%d,"p50_us":%d,"p99_us":%d,"wrong":%d,' ..
    '"wrong_status":%d,"socket_errors":%d}\n',
    answers, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99), wrong,
    wrong_status, errors.connect + errors.read + errors.write + errors.timeout))
  file:close()
end
