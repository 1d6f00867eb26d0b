-- What wrk posts: its first argument, which is of the type that the second one says.  Its last
-- line is read by load.py.
function init(args)
   wrk.method = "POST"
   wrk.body, wrk.headers["Content-Type"] = args[1], args[2]
end

function done(summary, latency, requests)
   local e = summary.errors
   print(summary.requests, summary.duration / 1e6, e.status, e.timeout, e.connect + e.read + e.write,
      latency.max / 1e6)
end
