"""rewardd beside other engines: the same random weights, the same tokens, in turn, medians, ratios.

    rewardd bench --shape qwen2.5-0.5b --write-model DIR python tests/bench/peers/run.py --score
    BUILD/tests/rw-score DIR [--tokens 512,2048] [--threads 1,2] [--reps 5]
        [--engines rewardd-bf16,rewardd-int8,torch-bf16,llama-bf16,...] [--llama-lib
        DIR-OF-libllama.so]

Each engine is a process that loads the model once. A repetition asks every engine for the same
trace, one after the other; all others wait without spinning. First they must compute the same
thing: raw scores of every engine are compared with torch in float32. Engines that cannot be started
are named and left out. Needs torch, transformers; openvino, llama-cpp-python, gguf where wanted.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
STEP = 32  # a reward is read every so many tokens
REFERENCE = "torch-f32"
ALL = [
    "rewardd-f32",
    "rewardd-bf16",
    "rewardd-int8",
    "rewardd-q4",
    "torch-f32",
    "torch-bf16",
    "openvino-f32",
    "openvino-bf16",
    "llama-f32",
    "llama-bf16",
    "llama-q8_0",
    "llama-q4_0",
]


class Engine:
    def __init__(self, name, args, threads):
        self.name, self.seconds = name, {}
        family, kind = name.split("-", 1)
        env = dict(
            os.environ,
            OMP_NUM_THREADS=str(threads),
            OMP_WAIT_POLICY="PASSIVE",
            TOKENIZERS_PARALLELISM="false",
        )
        if family == "rewardd":
            command = [args.score, args.folder, "--dtype", kind, "--threads", str(threads)]
        else:
            command = [
                sys.executable,
                os.path.join(HERE, "worker.py"),
                name,
                args.folder,
                str(threads),
            ]
            if args.llama_lib:
                env["LLAMA_CPP_LIB_PATH"] = args.llama_lib
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
            stderr=None if args.verbose else subprocess.DEVNULL,
        )

    def score(self, line):
        self.process.stdin.write(line)
        self.process.stdin.flush()
        reply = self.process.stdout.readline()
        if not reply:
            raise RuntimeError(f"{self.name} ended with {self.process.wait()}")
        answer = json.loads(reply)
        if "raw" not in answer:
            raise RuntimeError(f"{self.name}: {answer}")
        return answer["raw"]

    def time(self, tokens, line):
        time.sleep(0.05)  # whoever ran before has gone to sleep
        begin = time.perf_counter()
        self.score(line)
        self.seconds.setdefault(tokens, []).append(time.perf_counter() - begin)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(60)


def case(tokens, seed, vocab):
    rng = random.Random(seed)
    positions = list(range(STEP - 1, tokens, STEP))
    if not positions or positions[-1] != tokens - 1:
        positions.append(tokens - 1)
    return (
        json.dumps({"ids": [rng.randrange(vocab) for _ in range(tokens)], "positions": positions})
        + "\n"
    )


def correlation(a, b):
    return statistics.correlation(a, b) if len(a) > 1 else 1.0


def start(args, threads, vocab):
    """The engines that answer, warmed up, and how far their scores are from float32."""
    line, engines, raw = case(256, 99, vocab), [], {}
    for name in args.engines:
        engine = Engine(name, args, threads)
        try:
            raw[name] = engine.score(line)
            engines.append(engine)
        except (RuntimeError, OSError, ValueError) as error:
            print(f"left out: {error}")
    exact = raw.get(REFERENCE)
    for name, values in raw.items() if exact else []:
        error = max(abs(a - b) for a, b in zip(values, exact))
        spread = statistics.pstdev(exact)
        print(
            f"  same scores: {name:14} max deviation {error:.4f} ({error / spread:.3f} of "
            f"their spread), "
            f"correlation {correlation(values, exact):.5f}"
        )
        if correlation(values, exact) < 0.95:
            sys.exit(f"{name} does not compute the same thing")
    return engines


def report(engines, tokens, threads, out):
    rate = {e.name: tokens / statistics.median(e.seconds[tokens]) for e in engines}
    ours = [n for n in rate if n.startswith("rewardd")]
    print(
        f"\n{tokens} tokens, {threads} thread(s): tokens/s, medians of "
        f"{len(engines[0].seconds[tokens])}"
    )
    print(
        f"{'engine':16} {'tokens/s':>9} {'min':>8} {'max':>8}   "
        + "  ".join(f"{n + ' is':>16}" for n in ours)
    )
    for e in engines:
        s = e.seconds[tokens]
        print(
            f"{e.name:16} {rate[e.name]:9.1f} {tokens / max(s):8.1f} {tokens / min(s):8.1f}   "
            + "  ".join(f"{rate[n] / rate[e.name]:14.2f} x" for n in ours)
        )
    out.append(
        {
            "tokens": tokens,
            "threads": threads,
            "tokens_per_s": {
                e.name: {"median": rate[e.name], "runs": [tokens / s for s in e.seconds[tokens]]}
                for e in engines
            },
        }
    )


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder")
    p.add_argument("--score", required=True, help="rw-score of the build")
    p.add_argument("--engines", type=lambda s: s.split(","), default=ALL)
    p.add_argument("--tokens", type=lambda s: [int(x) for x in s.split(",")], default=[512, 2048])
    p.add_argument("--threads", type=lambda s: [int(x) for x in s.split(",")], default=[1, 2])
    p.add_argument("--reps", type=int, default=5)
    p.add_argument("--llama-lib", help="folder of another libllama.so")
    p.add_argument("--json", help="write all values there")
    p.add_argument("--verbose", action="store_true")
    args = p.parse_args()
    with open(os.path.join(args.folder, "config.json"), encoding="utf-8") as f:
        vocab = json.load(f)["vocab_size"]
    out = []
    for threads in args.threads:
        engines = start(args, threads, vocab)
        for tokens in args.tokens:
            for rep in range(args.reps):
                line = case(tokens, 1000 * rep + tokens, vocab)
                for engine in engines:
                    engine.time(tokens, line)
            report(engines, tokens, threads, out)
        for engine in engines:
            engine.stop()
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(out, f, indent=1)


if __name__ == "__main__":
    main()
