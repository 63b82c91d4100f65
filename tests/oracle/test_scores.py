"""Our scores against the float64 oracle, and against ourselves under every schedule.

    python tests/oracle/test_scores.py DRIVER CHECKPOINTS [--kernel NAME]

CHECKPOINTS is what make_checkpoints.py wrote. Every case of a checkpoint goes through the engine in one
batch, in float32 (within 1e-4 of the oracle) and in BF16 (within the stated tolerance); then with other
numbers of threads, chunk sizes and neighbours, where every printed digit must be the same.
"""
import argparse
import json
import os
import subprocess
import sys

F32_TOLERANCE = 1e-4   # absolute on raw and probability
BF16_TOLERANCE = 0.15  # absolute + 5 % of |raw|: the self-test's, see core/engine/self_test.c


def run(driver, folder, dtype, threads, chunk, cases, kernel=None):
    text = "".join(" ".join(map(str, c["ids"])) + " | " + " ".join(map(str, c["positions"])) + "\n" for c in cases)
    command = [driver, folder, dtype, str(threads), str(chunk)] + ([kernel] if kernel else [])
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise SystemExit(f"{folder}: {done.returncode} {done.stderr}")
    return done.stdout.splitlines()


def deviation(lines, cases):
    worst = worst_reward = 0.0
    worst_scaled = 0.0
    for line, case in zip(lines, cases, strict=True):
        if line.startswith("error"):
            raise SystemExit(line)
        values = list(map(float, line.split()))
        assert len(values) == 2 * len(case["positions"]), (len(values), len(case["positions"]))
        for raw, reward, want, want_reward in zip(values[::2], values[1::2], case["raw"], case["reward"], strict=True):
            worst = max(worst, abs(raw - want))
            worst_scaled = max(worst_scaled, abs(raw - want) - 0.05 * abs(want))
            worst_reward = max(worst_reward, abs(reward - want_reward))
    return worst, worst_reward, worst_scaled


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("checkpoints")
    parser.add_argument("--kernel")
    args = parser.parse_args()
    failures = 0
    for name in sorted(os.listdir(args.checkpoints)):
        folder = os.path.join(args.checkpoints, name)
        path = os.path.join(folder, "oracle.json")
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as f:
            oracle = json.load(f)
        cases = oracle["id_cases"] + oracle["cases"]
        base = {}
        report = []
        for dtype in ("f32", "bf16"):
            base[dtype] = run(args.driver, folder, dtype, 2, 512, cases, args.kernel)
            raw, reward, scaled = deviation(base[dtype], cases)
            ok = max(raw, reward) <= F32_TOLERANCE if dtype == "f32" else scaled <= BF16_TOLERANCE
            report.append(f"{dtype} raw {raw:.2e} reward {reward:.2e}{'' if ok else ' TOO FAR'}")
            failures += not ok
            for threads, chunk in ((1, 512), (3, 64), (2, 7)):
                again = run(args.driver, folder, dtype, threads, chunk, cases, args.kernel)
                same = again == base[dtype]
                failures += not same
                if not same:
                    report.append(f"{dtype} DIFFERS with {threads} threads, chunk {chunk}")
            alone = [run(args.driver, folder, dtype, 2, 512, [c], args.kernel)[0] for c in cases[2:5]]
            if alone != base[dtype][2:5]:
                failures += 1
                report.append(f"{dtype} DIFFERS alone")
        print(f"{name:40s} {len(cases):3d} cases  " + "; ".join(report), flush=True)
    print("failures:", failures)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
