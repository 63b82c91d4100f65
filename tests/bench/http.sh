#!/bin/sh
# What the server itself costs, with an engine of no arithmetic (rewardd-fake): requests per second
# and CPU per request, on kept-alive connections and with a connection for every request (what RL
# clients do), for a short trace and for one of 2 kB.
# usage: tests/bench/http.sh BUILD-FOLDER [SECONDS-PER-CASE]
set -eu
build=${1:?usage: tests/bench/http.sh BUILD-FOLDER [SECONDS-PER-CASE]}
seconds=${2:-4}
command -v wrk >/dev/null || { echo "skipped: needs wrk"; exit 0; }
work=$(mktemp -d)
"$build/server/rewardd-fake" --model process --listen "127.0.0.1:${REWARDD_BENCH_PORT:-0}" \
    --log-level warn >"$work/out" 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null; rm -rf "$work"' EXIT
i=0
until grep -q '^ready in' "$work/out"; do
    i=$((i + 1))
    [ $i -lt 100 ] || { cat "$work/out"; exit 1; }
    sleep 0.1
done
url=$(sed -n 's/^listen *\(http[^ ]*\).*/\1/p' "$work/out" | head -1)
step='First we compute the product of three and four, which gives exactly twelve. '
body() { # STEPS REPEATS
    printf '{"prompt":"What is 2 + 3 * 4?","trace":{"steps":['
    i=0
    while [ $i -lt "$1" ]; do
        [ $i -eq 0 ] || printf ','
        printf '"'
        j=0
        while [ $j -lt "$2" ]; do printf '%s' "$step"; j=$((j + 1)); done
        printf '"'
        i=$((i + 1))
    done
    printf ']}}'
}
cpu() { awk '{print $14 + $15}' "/proc/$pid/stat"; }
ticks=$(getconf CLK_TCK)
run() { # NAME BODY CONNECTION
    cat >"$work/post.lua" <<LUA
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Connection"] = "$3"
wrk.body = io.open("$2"):read("*a")
LUA
    before=$(cpu)
    wrk -t1 -c32 "-d${seconds}s" --latency -s "$work/post.lua" "$url/v1/rewards" >"$work/wrk"
    after=$(cpu)
    requests=$(sed -n 's/^ *\([0-9]*\) requests in.*/\1/p' "$work/wrk")
    rate=$(sed -n 's/^Requests\/sec: *//p' "$work/wrk")
    p99=$(sed -n 's/^ *99% *//p' "$work/wrk")
    bad=$(sed -n 's/^ *Non-2xx or 3xx responses: *//p' "$work/wrk")
    printf '%-26s %10s requests/s  p99 %8s  CPU %4d us per request  failed %s\n' \
        "$1" "$rate" "$p99" "$(((after - before) * 1000000 / ticks / requests))" "${bad:-0}"
}
body 4 1 >"$work/short"
body 8 3 >"$work/long"
echo "bodies of $(wc -c <"$work/short") and $(wc -c <"$work/long") bytes, 32 connections"
run 'short, kept alive' "$work/short" keep-alive
run 'short, one-shot' "$work/short" close
run '2 kB, kept alive' "$work/long" keep-alive
run '2 kB, one-shot' "$work/long" close
awk '/VmHWM/ {print "peak resident:", $2, $3}' "/proc/$pid/status"
