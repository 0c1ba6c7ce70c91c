-- What wrk found, as one line of JSON. With a directory as argument, request number n is what its file n.http holds.
local sent = 0

function init(args)
  if args[1] then
    request = function()
      local file = assert(io.open(args[1] .. "/" .. sent .. ".http", "rb"))
      local whole = file:read("*a")
      file:close()
      sent = sent + 1
      return whole
    end
  end
end

function done(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "failures": %d, "p50": %.6f, "p95": %.6f}\n',
    summary.requests, summary.duration / 1e6,
    failed.connect + failed.read + failed.write + failed.timeout + failed.status,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3))
end
