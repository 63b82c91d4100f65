#!/bin/sh
# What the server itself costs: CPU per request for a trace of 2 kB, with an engine of no arithmetic.
# usage: tests/bench/http.sh BUILD-FOLDER [SECONDS]
set -eu
build=${1:?usage: tests/bench/http.sh BUILD-FOLDER [SECONDS]}
seconds=${2:-6}
port=${REWARDD_BENCH_PORT:-17393}
command -v wrk >/dev/null || { echo "skipped: needs wrk"; exit 0; }
work=$(mktemp -d)
"$build/server/rewardd-fake" --model process --listen "127.0.0.1:$port" --log-level warn \
    >"$work/out" 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null; rm -rf "$work"' EXIT
i=0
until grep -q '^ready in' "$work/out"; do
    i=$((i + 1))
    [ $i -lt 100 ] || { cat "$work/out"; exit 1; }
    sleep 0.1
done
step='First we compute the product of three and four, which gives exactly twelve. '
{
    printf '{"prompt":"What is 2 + 3 * 4?","trace":{"steps":["%s"' "$step$step$step"
    for _ in 1 2 3 4 5 6 7; do printf ',"%s"' "$step$step$step"; done
    printf ']}}'
} >"$work/body"
cat >"$work/post.lua" <<LUA
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = io.open("$work/body"):read("*a")
LUA
cpu() { awk '{print $14 + $15}' "/proc/$pid/stat"; }
before=$(cpu)
wrk -t1 -c32 "-d${seconds}s" -s "$work/post.lua" "http://127.0.0.1:$port/v1/rewards" >"$work/wrk"
after=$(cpu)
grep -E 'Requests/sec|Non-2xx' "$work/wrk"
requests=$(sed -n 's/^ *\([0-9]*\) requests in.*/\1/p' "$work/wrk")
ticks=$(getconf CLK_TCK)
echo "body bytes: $(wc -c <"$work/body")"
echo "CPU per request: $(((after - before) * 1000000 / ticks / requests)) us (all threads of the daemon)"
awk '/VmHWM/ {print "peak resident:", $2, $3}' "/proc/$pid/status"
