"""verl's own loaders, reward managers and reward loop, by configuration alone: rewardd.verl, and
its DisRM wire. Ray and DataProto are stubs; every file that runs is the wheel's."""

import asyncio
import inspect
import pickle
import sys
import types

import pytest
import shelf
from cases import ANSWERS, CASES, CONVERSATIONS, OVERLONG, RESPONSES, native, processes, single
from table import note

torch = pytest.importorskip("torch")
aiohttp = pytest.importorskip("aiohttp")
np = pytest.importorskip("numpy")


class Config(dict):
    """As much of OmegaConf as verl's loaders use: keys are attributes too."""

    __getattr__ = dict.get


def config(**branches):
    return Config({name: config(**value) if isinstance(value, dict) else value
                   for name, value in branches.items()})  # fmt: skip


class Row:
    def __init__(self, batch, non_tensor_batch, meta_info):
        self.batch, self.non_tensor_batch, self.meta_info = batch, non_tensor_batch, meta_info


class DataProto:
    """Rows of tensors and of objects, sliced as verl slices them."""

    def __init__(self, batch, non_tensor_batch, meta_info=None):
        self.batch, self.non_tensor_batch = batch, non_tensor_batch
        self.meta_info = meta_info or {}

    def __len__(self):
        return len(next(iter(self.batch.values())))

    def __getitem__(self, at):
        cut = {name: values[at] for name, values in self.batch.items()}
        rest = {name: values[at] for name, values in self.non_tensor_batch.items()}
        return (DataProto if isinstance(at, slice) else Row)(cut, rest, self.meta_info)


class Tokenizer:
    """Code points; 0 is padding."""

    eos_token, bos_token = "<|im_end|>", None

    def decode(self, ids, skip_special_tokens=False):
        return "".join(chr(int(i)) for i in ids)

    def apply_chat_template(self, chat, add_generation_prompt, tokenize):
        turns = (f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in chat)
        return "".join(turns)


def data(responses=RESPONSES, extra=None):
    size = max(map(len, responses))
    ids = torch.zeros(len(responses), size, dtype=torch.long)
    mask = torch.zeros(len(responses), size + 2, dtype=torch.long)
    mask[:, :2] = 1
    for i, response in enumerate(responses):
        ids[i, : len(response)] = torch.tensor([ord(c) for c in response])
        mask[i, 2 : 2 + len(response)] = 1

    def objects(values):
        column = np.empty(len(responses), dtype=object)
        column[:] = values
        return column

    batch = {"responses": ids, "attention_mask": mask,
             "prompts": torch.ones(len(responses), 2, dtype=torch.long)}  # fmt: skip
    rows = {
        "raw_prompt": objects([np.array(chat, dtype=object) for chat in CONVERSATIONS]),
        "data_source": objects(["gsm8k"] * len(responses)),
        "reward_model": objects([{"ground_truth": answer} for answer in ANSWERS]),
        "extra_info": objects(extra or [{"split": "train", "index": i} for i in range(4)]),
        "index": objects(list(range(len(responses)))),
    }
    return DataProto(batch, rows, {"global_steps": 3})


class Verl:
    """The wheel's package, without what its __init__ files bring along."""

    def __init__(self, version, imports):
        base = shelf.folder("verl", version) / "verl"
        self.base, self.imports, self.version = base, imports, version
        imports.put("ray", shelf.Ray())
        imports.stub("omegaconf", "tensordict", "ray.actor")
        imports.put("verl", shelf.package(base, DataProto=DataProto))
        for name in ("utils", "trainer", "trainer.ppo", "workers", "experimental"):
            imports.put(f"verl.{name}", shelf.package(base / name.replace(".", "/")))
        sys.modules["verl.utils"].hf_tokenizer = lambda path, trust_remote_code: Tokenizer()
        scores = types.ModuleType("reward_score")
        scores.default_compute_score = None
        scores.get_default_compute_score = lambda name: None
        imports.put("verl.utils.reward_score", scores)
        imports.stub("verl.protocol", "verl.single_controller", "verl.single_controller.ray",
                     "verl.single_controller.ray.base", "verl.utils.fs",
                     "verl.experimental.reward_loop.reward_model")  # fmt: skip
        loops = types.ModuleType("ray_utils")
        loops.get_event_loop = asyncio.new_event_loop
        imports.put("verl.utils.ray_utils", loops)
        bridge = types.ModuleType("transferqueue_utils")
        bridge.tqbridge = lambda **_: lambda function: function
        imports.put("verl.utils.transferqueue_utils", bridge)
        imports.forget("rewardd.verl")
        imports.file("verl.utils.import_utils", base / "utils" / "import_utils.py")
        if version == "0.6.1":
            imports.put("verl.experimental.reward", shelf.Stub("reward"))
        else:
            loop = base / "experimental" / "reward_loop"
            imports.put("verl.experimental.reward_loop", shelf.package(loop))
        self.reward = imports.file("verl.trainer.ppo.reward", base / "trainer/ppo/reward.py")

    def loop(self, settings):
        """RewardLoopWorker, which loads the manager that the configuration names."""
        path = self.base / "experimental/reward_loop/reward_loop.py"
        module = self.imports.file("verl.experimental.reward_loop.reward_loop", path)
        module.copy_to_local = lambda path: path
        return module, module.RewardLoopWorker(settings, "127.0.0.1:1")


def named(version):
    """The configuration that rewardd's README tells a user to write."""
    model = {"actor_rollout_ref": {"model": {"path": "p"}, "rollout": {"n": 4}}}
    ours = {
        "source": "importlib",
        "name": "RewarddManager",
        "module": {"path": "pkg://rewardd.verl"},
    }
    off = {"enable": False, "model_path": None, "rollout": {"name": "vllm"}}
    if version == "0.9.1":
        reward = {"reward_manager": ours, "custom_reward_function": {}, "reward_model": off}
        return config(reward=reward, **model)
    model_config = {
        "enable": False,
        "reward_loop_source": "importlib",
        "reward_loop_module_path": "pkg://rewardd.verl",
        "reward_loop_class_name": "RewarddManager",
        "rollout": {"name": "vllm"},
    }
    return config(reward_model=model_config, custom_reward_function={}, **model)


@pytest.fixture(params=["0.7.0", "0.9.1"])
def verl(request, glue):
    with shelf.importing("verl") as imports:
        yield Verl(request.param, imports)


def scored(verl, rows):
    _, worker = verl.loop(named(verl.version))
    return asyncio.run(worker.compute_score_batch(rows))


def test_manager_by_configuration(verl, small, glue):
    glue.setenv("REWARDD_RUN", f"verl-{verl.version}")
    found = scored(verl, data())
    assert [one["reward_score"] for one in found] == processes(small)
    assert len({frozenset(one["reward_extra_info"]) for one in found}) == 1
    assert [one["reward_extra_info"]["verified"] for one in found][:2] == [1, 0]
    import rewardd.verl

    assert rewardd.verl.RewarddManager.__mro__[1].__name__ == "RewardManagerBase"
    note(f"verl {verl.version} RewarddManager", same_bits=f"{len(CASES)} traces")


def test_rewards_land_on_the_last_token(verl, small):
    if verl.version != "0.9.1":
        pytest.skip("0.9's trainer asks the manager's class")
    manager = verl.reward.resolve_reward_manager_cls(named(verl.version))
    rows = data()
    rewards = [one["reward_score"] for one in scored(verl, rows)]
    placed = manager.assemble_rm_scores(rows, rewards)
    last = [len(response) - 1 for response in RESPONSES]
    assert placed[range(4), last].tolist() == torch.tensor(rewards).tolist()
    assert int((placed != 0).sum()) == 4


def placing():
    """0.9.1 where it asks its manager for a place: its own reward model, in the same pool."""
    settings = named("0.9.1")
    settings["reward"]["reward_model"].update(enable=True, model_path="p")
    function = config(path="pkg://rewardd.verl", name="compute_score")
    settings["reward"]["custom_reward_function"] = function
    return settings


class Pieces(Tokenizer):
    """Tokens that cut characters: bytes, each its own id; 0 is padding."""

    def decode(self, ids, skip_special_tokens=False):
        return bytes(int(i) for i in ids).decode("utf-8", "replace")


@pytest.mark.parametrize("tokenizer", [Tokenizer, Pieces])
def test_step_rewards_land_on_their_tokens(small, glue, tokenizer):
    """The batch path of 0.9.1; a trace with the user's own number has that on its last token."""
    glue.setenv("REWARDD_PLACE", "steps")
    glue.setenv("REWARDD_UNSCORABLE", "-2")
    sent = [*RESPONSES[:2], "", RESPONSES[3]]
    steps = [result["steps"] for result in native(small)]
    with shelf.importing("verl") as imports:
        wheel = Verl("0.9.1", imports)
        sys.modules["verl.utils"].hf_tokenizer = lambda path, trust_remote_code: tokenizer()
        manager = wheel.reward.resolve_reward_manager_cls(placing())
        _, worker = wheel.loop(placing())
        shown = sent if tokenizer is Tokenizer else [t.encode().decode("latin-1") for t in sent]
        rows = data(shown)
        outputs = asyncio.run(worker.compute_score_batch(rows))
        rewards = pickle.loads(pickle.dumps([one["reward_score"] for one in outputs]))
        placed = manager.assemble_rm_scores(rows, rewards)
    want = processes(small)
    assert rewards == [*want[:2], -2, want[3]]
    for i in (0, 1, 3):
        ends = [sent[i][: step["chars"][1]] for step in steps[i]]
        at = [len(text if tokenizer is Tokenizer else text.encode()) - 1 for text in ends]
        assert placed[i, at].tolist() == single([step["reward"] for step in steps[i]])
        assert int((placed[i] != 0).sum()) == len(steps[i])
    assert placed[2].sum() == -2 and int((placed[2] != 0).sum()) == 1


@pytest.mark.parametrize(("value", "says"), [("steps", "asks for a place only"), ("step", "not")])
def test_places_that_verl_does_not_ask_for_are_refused(verl, glue, value, says):
    glue.setenv("REWARDD_PLACE", value)
    with pytest.raises(ValueError, match=says):
        verl.loop(named(verl.version))


@pytest.mark.parametrize(("kind", "response"), [("empty", ""), ("over_long", OVERLONG)])
def test_manager_without_a_reward(verl, small, glue, kind, response):
    rows = data([RESPONSES[0], response, *RESPONSES[2:]])
    with pytest.raises(Exception, match=r"trace 0 has no reward.*(empty_trace|context_exceeded)"):
        scored(verl, rows)
    glue.setenv("REWARDD_UNSCORABLE", "-1")
    found = [one["reward_score"] for one in scored(verl, rows)]
    want = processes(small)
    assert found == [want[0], -1.0, *want[2:]]
    note(f"verl {verl.version} RewarddManager", **{kind: "raises; or the user's number"})


@pytest.mark.parametrize("status", [400, 429, 503])
def test_manager_and_a_failing_daemon(verl, small, glue, proxy, status, monkeypatch):
    from rewardd import _wire

    monkeypatch.setattr(_wire, "BACKOFF_FIRST_S", 0.001)
    glue.setenv("REWARDD_URL", proxy.url)
    proxy.plan = [status] * 4  # one for each row
    name = f"verl {verl.version} RewarddManager"
    if status == 400:
        with pytest.raises(Exception, match="scripted"):
            scored(verl, data())
        note(name, s400="raises at once", null="raises")
        return
    assert [one["reward_score"] for one in scored(verl, data())] == processes(small)
    note(name, **{f"s{status}": "tries again"})


OLD = "verl 0.6.1 compute_score"


@pytest.fixture
def old(glue):
    """0.6.1's reward manager with our function by a file and a name."""
    import rewardd.verl

    file = inspect.getsourcefile(rewardd.verl)
    with shelf.importing("verl") as imports:
        wheel = Verl("0.6.1", imports)
        imports.forget("custom_module")
        settings = config(custom_reward_function={"path": file, "name": "compute_score"},
                          reward_model={}, data={"reward_fn_key": "data_source"})  # fmt: skip
        manager = wheel.reward.load_reward_manager(settings, Tokenizer(), num_examine=0)
        extra = [{"question": case[0], "index": i} for i, case in enumerate(CASES)]
        yield lambda responses=RESPONSES, extra=extra: wheel.reward.compute_reward(
            data(responses, extra=extra), manager
        )


def test_function_of_0_6(old, small):
    """Rows without their question are told so."""
    tensor, more = old()
    last = [len(response) - 1 for response in RESPONSES]
    assert tensor[range(4), last].tolist() == torch.tensor(processes(small)).tolist()
    assert more["score"] == processes(small) and more["verified"][:2] == [1, 0]
    with pytest.raises(Exception, match=r"no_prompt.*it has \['index'.*RewarddManager"):
        old(extra=None)
    note(OLD, same_bits=f"{len(CASES)} traces", null="raises")


@pytest.mark.parametrize("status", [400, 429, 503])
def test_function_of_0_6_and_a_failing_daemon(old, small, glue, proxy, status):
    from rewardd import _wire

    glue.setattr(_wire, "BACKOFF_FIRST_S", 0.001)
    glue.setenv("REWARDD_URL", proxy.url)
    proxy.plan = [status] * (2 if status == 400 else 1)  # it calls its manager twice by itself
    if status == 400:
        with pytest.raises(Exception, match="scripted"):
            old()
    else:
        assert old()[1]["score"] == processes(small)
    note(OLD, **{f"s{status}": "raises after 2" if status == 400 else "tries again"})


@pytest.mark.parametrize(("kind", "response"), [("empty", ""), ("over_long", OVERLONG)])
def test_function_of_0_6_without_a_reward(old, small, glue, kind, response):
    responses = [RESPONSES[0], response, *RESPONSES[2:]]
    with pytest.raises(Exception, match=r"trace 0 has no reward, and verl cannot"):
        old(responses)
    glue.setenv("REWARDD_UNSCORABLE", "-1")
    want = processes(small)
    assert old(responses)[1]["score"] == [want[0], -1.0, *want[2:]]
    note(OLD, **{kind: "raises; or the user's number"})


NAIVE = "verl 0.9.1 compute_score"


@pytest.fixture
def naive(glue):
    """NaiveRewardManager with our function, where rows carry their question."""
    with shelf.importing("verl") as imports:
        wheel = Verl("0.9.1", imports)
        settings = named("0.9.1")
        settings["reward"]["reward_manager"] = config(source="register", name="naive")
        function = config(path="pkg://rewardd.verl", name="compute_score")
        settings["reward"]["custom_reward_function"] = function
        extra = [{"question": case[0], "index": i} for i, case in enumerate(CASES)]
        _, worker = wheel.loop(settings)

        async def all_of(rows):
            worker.reward_manager.loop = asyncio.get_running_loop()
            return await worker.compute_score_batch(rows)

        def ask(responses=RESPONSES):
            found = asyncio.run(all_of(data(responses, extra=extra)))
            return [one["reward_score"] for one in found]

        yield ask


def test_function_of_0_9(naive, small):
    assert naive() == processes(small)
    note(NAIVE, same_bits=f"{len(CASES)} traces", null="raises")


@pytest.mark.parametrize("status", [400, 429, 503])
def test_function_and_a_failing_daemon(naive, small, glue, proxy, status):
    from rewardd import _wire

    glue.setattr(_wire, "BACKOFF_FIRST_S", 0.001)
    glue.setenv("REWARDD_URL", proxy.url)
    proxy.plan = [status] * 4
    if status == 400:
        with pytest.raises(Exception, match="scripted"):
            naive()
    else:
        assert naive() == processes(small)
    note(NAIVE, **{f"s{status}": "raises at once" if status == 400 else "tries again"})


@pytest.mark.parametrize(("kind", "response"), [("empty", ""), ("over_long", OVERLONG)])
def test_function_without_a_reward(naive, small, glue, kind, response):
    responses = [RESPONSES[0], response, *RESPONSES[2:]]
    with pytest.raises(Exception, match=r"trace 0 has no reward, and verl cannot"):
        naive(responses)
    glue.setenv("REWARDD_UNSCORABLE", "-1")
    want = processes(small)
    assert naive(responses) == [want[0], -1.0, *want[2:]]
    note(NAIVE, **{kind: "raises; or the user's number"})
