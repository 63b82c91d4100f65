"""ms-swift's own plugin loader, table of rewards and compute_rewards_per_func."""

import hashlib
import importlib
import os
import sys
import types

import pytest
import shelf
from cases import ANSWERS, CASES, CONVERSATIONS, OVERLONG, RESPONSES, processes, single
from table import note

torch = pytest.importorskip("torch")
NAME = "ms-swift 4.6.0"


class Sample:
    """As GRPOSample, which needs a template and a policy: its messages end with the completion."""

    def __init__(self, chat, response, answer):
        self.messages = [*chat, {"role": "assistant", "content": response}]
        self.answer = answer

    def to_reward_row(self):
        return {"messages": self.messages, "solution": self.answer, "request_id": "r"}


@pytest.fixture
def swift(glue):
    base = shelf.folder("ms-swift", "4.6.0") / "swift"
    with shelf.importing("swift") as imports:
        imports.put("swift", shelf.package(base))
        utils = shelf.Stub("utils")
        utils.get_logger = lambda: types.SimpleNamespace(warning=lambda *_: None)
        scope = {
            "os": os,
            "sys": sys,
            "hashlib": hashlib,
            "importlib": importlib,
            "_external_files": [],
        }
        utils.import_external_file = shelf.parts(
            base / "utils/utils.py", "import_external_file", **scope
        )
        imports.put("swift.utils", utils)
        dataset = shelf.Stub("dataset")
        dataset.RowPreprocessor.rows_to_batched = staticmethod(
            shelf.parts(
                base / "dataset/preprocessor/core.py",
                "RowPreprocessor.rows_to_batched",
                List=list,
                Dict=dict,
                Any=object,
            )
        )
        imports.put("swift.dataset", dataset)
        imports.stub("swift.infer_engine", "swift.rl_core.data")
        imports.put("swift.rl_core", shelf.package(base / "rl_core"))
        imports.stub("swift.rl_core.data")
        imports.put("swift.rewards", shelf.package(base / "rewards"))
        orm = imports.file("swift.rewards.orm", base / "rewards/orm.py")
        sys.modules["swift.rewards"].orms = orm.orms
        algorithm = imports.file("swift.rl_core.grpo_algorithm", base / "rl_core/grpo_algorithm.py")
        path = list(sys.path)
        for name in [name for name in sys.modules if name.startswith("_swift_external_")]:
            imports.monkeypatch.delitem(sys.modules, name)
        yield types.SimpleNamespace(utils=utils, orms=orm.orms, algorithm=algorithm)
        sys.path[:] = path


def rewards(swift, responses=RESPONSES):
    """--external_plugins FILE --reward_funcs rewardd"""
    import rewardd.swift

    swift.utils.import_external_file(rewardd.swift.PLUGIN)
    function = swift.orms["rewardd"](args=None)
    samples = [Sample(*row) for row in zip(CONVERSATIONS, responses, ANSWERS)]
    state = types.SimpleNamespace(global_step=3)
    compute = swift.algorithm.compute_rewards_per_func
    return compute(samples, [function], None, "cpu", state).squeeze(1).tolist()


def test_same_bits(swift, small, glue):
    glue.setenv("REWARDD_RUN", "swift")
    assert rewards(swift) == single(processes(small))
    note(NAME, same_bits=f"{len(CASES)} traces")


def test_the_plugin_hides_no_package(swift):
    """ms-swift puts a plugin's folder first: `import trl` must still be the trainer's."""
    rewards(swift)
    folder = sys.path[0]
    assert sorted(os.listdir(folder)) != [] and os.path.basename(folder) == "plugins"
    hidden = {"trl", "verl", "swift", "slime", "areal", "openrlhf", "nemo_gym"}
    assert not hidden & {name.removesuffix(".py") for name in os.listdir(folder)}


@pytest.mark.parametrize(("kind", "response"), [("empty", ""), ("over_long", OVERLONG)])
def test_a_trace_without_a_reward(swift, small, glue, kind, response):
    responses = [RESPONSES[0], response, *RESPONSES[2:]]
    with pytest.raises(Exception, match="ms-swift takes None for 0"):
        rewards(swift, responses)
    glue.setenv("REWARDD_UNSCORABLE", "-1")
    want = single(processes(small))
    assert rewards(swift, responses) == [want[0], -1.0, *want[2:]]
    note(NAME, **{kind: "raises; or the user's number"}, null="raises")


@pytest.mark.parametrize("status", [400, 429, 503])
def test_a_failing_daemon(swift, small, glue, proxy, status):
    from rewardd import _wire

    glue.setattr(_wire, "BACKOFF_FIRST_S", 0.001)
    glue.setenv("REWARDD_URL", proxy.url)
    proxy.plan = [status]
    if status == 400:
        with pytest.raises(Exception, match="scripted"):
            rewards(swift)
    else:
        assert rewards(swift) == single(processes(small))
    note(NAME, **{f"s{status}": "raises at once" if status == 400 else "tries again"})
