-- What wrk sends: one 24-character id.  Its last line is read by load.py.
wrk.method = "POST"
wrk.body = "0123456789abcdefghijABCD"
wrk.headers["Content-Type"] = "text/plain"

function done(summary, latency, requests)
   local e = summary.errors
   print(summary.requests, summary.duration / 1e6, e.status, e.timeout, e.connect + e.read + e.write,
      latency.max / 1e6)
end
