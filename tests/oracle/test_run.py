"""The run monitor's statistics against numpy, scipy and scikit-learn on random inputs."""

import os

import pytest

np = pytest.importorskip("numpy")
import run_reference as ref  # noqa: E402

pytestmark = pytest.mark.skipif(
    not os.path.exists(ref.driver_path()), reason="no built driver: set REWARDD_BUILD"
)


@pytest.fixture(scope="module")
def driver():
    d = ref.Driver()
    yield d
    d.close()


@pytest.fixture
def rng(request):
    return np.random.default_rng(abs(hash(request.node.name)) % 2**32)


SHAPES = {
    "logits": lambda rng, n: rng.normal(2, 2, n),
    "ties": lambda rng, n: np.clip(rng.normal(5, 2, n), -6.236, 6.236),
    "tiny": lambda rng, n: rng.normal(0, 0.002, n),
    "heavy": lambda rng, n: rng.standard_cauchy(n) * 20,
    "constant": lambda rng, n: np.full(n, 0.25),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_martingale_by_definition(driver, shape):
    rng = np.random.default_rng(len(shape))
    scores = SHAPES[shape](rng, 700)
    (out,) = driver("martingale 11 300 700", scores)
    p = ref.p_values(scores, 11, 300)
    np.testing.assert_allclose(out["p"], p, rtol=1e-13)
    np.testing.assert_allclose(out["log_plain"], ref.plain(p), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(out["log_capital"], ref.capital(p), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_p_values_are_uniform_and_independent(driver, shape):
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(len(shape) + 100)
    (out,) = driver("martingale 3 50 20000", SHAPES[shape](rng, 20000))
    p = np.array(out["p"])
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    assert abs(stats.spearmanr(p[1:], p[:-1]).statistic) < 0.03


def test_capital_never_pays_on_average(driver):
    """E capital = 1 at any fixed time: 2000 exchangeable streams of 60 bets."""
    rng = np.random.default_rng(5)
    final, peak = [], []
    for i in range(2000):
        (out,) = driver(f"martingale {i} 20 80", rng.normal(0, 1, 80))
        final.append(np.exp(out["log_capital"][-1]))
        peak.append(np.exp(max(out["log_capital"])))
    assert np.mean(final) < 1 + 4 * np.std(final) / np.sqrt(len(final))
    for level in (4, 10, 20):  # Ville
        share = np.mean(np.array(peak) >= level)
        assert share <= 1 / level + 3 * np.sqrt(1 / level / len(peak))


def points(rng, n, d, prompts):
    return rng.integers(0, prompts, n), rng.standard_normal((n, d)).astype("f4").astype("f8")


@pytest.mark.parametrize("n_b,n_w,d,prompts", [(60, 80, 5, 12), (200, 150, 64, 40), (33, 64, 9, 6)])
def test_coverage_by_definition(driver, n_b, n_w, d, prompts):
    distance = pytest.importorskip("scipy.spatial.distance")
    rng = np.random.default_rng(n_b)
    pb, b = points(rng, n_b, d, prompts)
    pw, w = points(rng, n_w, d, prompts)
    pw += prompts
    (out,) = driver(f"coverage {n_b} {n_w} {d}", pb, b, pw, w)
    own = distance.cdist(b, b)
    own[pb[:, None] == pb[None, :]] = np.inf
    loo = own.min(1)
    radii = np.quantile(loo, [0.1, 0.25, 0.5, 0.75, 0.9])
    np.testing.assert_allclose(out["radii"], radii, rtol=1e-5)
    cross = distance.cdist(b, w)
    near = cross.min(1)
    np.testing.assert_allclose(out["eta"], [(near <= r).mean() for r in radii], atol=1.5 / n_b)
    np.testing.assert_allclose(out["base_eta"], [0.1, 0.25, 0.5, 0.75, 0.9], atol=2.01 / n_b)
    np.testing.assert_allclose(out["r95"], np.quantile(near, 0.95), rtol=1e-5)
    eta_bar = np.mean([(near <= r).mean() for r in radii])
    assert out["eta_bar"][0] == pytest.approx(eta_bar, abs=1.5 / n_b)
    fold = ref.folds(pw)
    left = [
        np.mean([(cross[:, fold != g].min(1) <= r).mean() for r in radii]) for g in np.unique(fold)
    ]
    assert out["jackknife_variance"] == pytest.approx(ref.jackknife(left), rel=1e-4, abs=3 / n_b**2)


def eta(driver, b, w, d):
    (out,) = driver(
        f"coverage {len(b)} {len(w)} {d}", np.arange(len(b)), b, np.arange(len(w)) + 1e6, w
    )
    return np.array(out["eta"])


def test_coverage_properties(driver):
    rng = np.random.default_rng(9)
    d = 16
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    b = unit(rng.standard_normal((300, d)))
    w = unit(rng.standard_normal((100, d)))
    base = eta(driver, b, w, d)
    assert (eta(driver, b, np.concatenate([w, w, w]), d) == base).all()  # copies
    near = np.concatenate([w] + [w + rng.normal(0, 1e-3, w.shape) for _ in range(9)])
    assert (eta(driver, b, near, d) - base <= 0.02).all()  # near-duplicates
    more = eta(driver, b, np.concatenate([w, unit(rng.standard_normal((50, d)))]), d)
    assert (more >= base).all()  # adding points
    assert (eta(driver, b, rng.permutation(w), d) == base).all()  # order
    assert (eta(driver, b, b, d) == 1).all()
    assert (eta(driver, b, 100 + w, d) == 0).all()


@pytest.mark.parametrize("n,d", [(32, 128), (40, 8), (400, 64)])
def test_participation_ratio(driver, n, d):
    rng = np.random.default_rng(n)
    x = (rng.standard_normal((n, d)) * np.arange(1, d + 1) ** -0.25).astype("f4").astype("f8")
    prompt = rng.integers(0, 50, n)
    (out,) = driver(f"participation {n} {d}", prompt, x)
    assert out["participation"][0] == pytest.approx(ref.participation(x), rel=1e-9)
    fold = ref.folds(prompt)
    left = [ref.participation(x[fold != g]) for g in np.unique(fold)]
    assert out["participation"][1] == pytest.approx(np.sqrt(ref.jackknife(left)), rel=1e-8)


def test_participation_ratio_is_unbiased_at_32(driver):
    """d = 128, eigenvalues i^-1/2: true 82.8; the plain estimate is 22."""
    rng = np.random.default_rng(1)
    scale = np.arange(1, 129) ** -0.25
    true = (scale**2).sum() ** 2 / (scale**4).sum()
    got = [
        driver("participation 32 128", np.arange(32), rng.standard_normal((32, 128)) * scale)[0][
            "participation"
        ][0]
        for _ in range(200)
    ]
    assert abs(np.mean(got) - true) < 0.03 * true
    assert np.std(got) < 9


def test_screening_is_ridge_with_forgetting(driver):
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(2)
    n, decay = 900, 0.99932332
    x = rng.standard_normal((n, ref.SURFACE)) * rng.uniform(0.2, 3, ref.SURFACE) + 2
    y = x @ rng.standard_normal(ref.SURFACE) + 3 * rng.standard_normal(n)
    (out,) = driver(f"screen {n}", np.column_stack([x, y]))
    weight = decay ** np.arange(n - 1, -1, -1)
    fit = linear.Ridge(alpha=1.0).fit(x, y, sample_weight=weight)
    np.testing.assert_allclose(out["coefficients"], [fit.intercept_, *fit.coef_], rtol=1e-6)
    error = spread = 0
    for i in range(64, n):
        past = weight[n - i :]
        m = linear.Ridge(alpha=1.0).fit(x[:i], y[:i], sample_weight=past)
        error += (y[i] - m.predict(x[i : i + 1])[0]) ** 2
        spread += (y[i] - np.average(y[:i], weights=past)) ** 2
    assert out["r2"] == pytest.approx(1 - error / spread, rel=1e-6)


def test_means_with_prompts_as_clusters(driver):
    rng = np.random.default_rng(3)
    prompt = rng.integers(0, 60, 500)
    value = rng.standard_normal(500) + rng.standard_normal(60)[prompt]
    value = value.astype("f4").astype("f8")
    (out,) = driver("mean 500", prompt, value)
    c = len(np.unique(prompt))
    sums = [(value[prompt == k] - value.mean()).sum() for k in np.unique(prompt)]
    error = np.sqrt(np.square(sums).sum() * c / (c - 1)) / 500
    assert out["cluster"] == pytest.approx([value.mean(), error], rel=1e-9)
    boot = []
    for _ in range(3000):
        times = rng.multinomial(60, [1 / 60] * 60)[prompt]
        boot.append((times * value).sum() / times.sum())
    assert out["bootstrap"][0] == pytest.approx(value.mean(), rel=1e-6)
    assert out["bootstrap"][1] == pytest.approx(np.std(boot), rel=0.2)  # 200 resamples: +-5 % each


def test_windows_of_a_run(driver):
    """Each figure of a window against numpy on the rows of that window."""
    rng = np.random.default_rng(4)
    features = rng.standard_normal((512, ref.FEATURES))
    r = ref.rows(512, rng, group=4, features=features)
    out = driver("run windows 256 100 128 512", r)
    windows = [o for o in out if "window" in o]
    assert len(windows) == 2
    for k, w in enumerate(windows):
        part = r[256 * k : 256 * (k + 1)]
        for name, column in (
            ("process", ref.PROCESS),
            ("outcome", ref.OUTCOME),
            ("accuracy", ref.VERIFIED),
            ("steps", ref.STEPS),
        ):
            assert w[name][0] == pytest.approx(part[:, column].mean(), rel=1e-9)
        assert w["gap"][0] == pytest.approx(
            (part[:, ref.OUTCOME] - part[:, ref.PROCESS]).mean(), rel=1e-9
        )
        log_bytes = np.log2(part[:, ref.BYTES])
        assert w["length_correlation"][1] == pytest.approx(
            np.corrcoef(log_bytes, part[:, ref.OUTCOME])[0, 1], rel=1e-9
        )
        assert w["length_slope"][1] == pytest.approx(
            np.polyfit(log_bytes, part[:, ref.OUTCOME], 1)[0], rel=1e-9
        )
        assert w["agreement"][0] == pytest.approx(
            np.corrcoef(part[:, ref.PROCESS], part[:, ref.VERIFIED])[0, 1], rel=1e-9
        )
        x = part[:, ref.FEATURES_AT : ref.PROMPT_X_AT]
        x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("f4").astype("f8")
        assert w["participation"][0] == pytest.approx(ref.participation(x), rel=1e-5)
    assert windows[0]["eta_bar"][0] == pytest.approx(0.5, abs=0.01)


def test_only_one_trace_of_a_group_is_ranked(driver):
    rng = np.random.default_rng(6)
    r = ref.rows(512, rng, group=8)
    state = driver("run groups 4096 10 0 512", r)[-1]
    assert state["min_logit"][0] == 64
    shuffled = np.concatenate([rng.permutation(r[i : i + 64]) for i in range(0, 512, 64)])
    other = driver("run groups 4096 10 0 512", shuffled)[-1]
    assert other["min_logit"][0] == 64


def test_merge_against_the_joint_stream(driver):
    """Two replicas share a run at random: what merge calls exact is that of one replica."""
    rng = np.random.default_rng(7)
    n = 800
    features = rng.standard_normal((n, ref.FEATURES))
    r = ref.rows(n, rng, features=features)
    joint = driver(f"run m 4096 1000 256 {n}", r)[-1]
    left = rng.random(n) < 0.4
    a, b = r[left], r[~left]
    merged = driver(f"merge m 4096 1000 256 {len(a)} {len(b)}", a, b)[-1]
    for key in ("traces", "failed", "validation", "in_window"):
        assert merged[key] == joint[key]
    for score in ("prompt_gap", "min_logit", "step_redundant", "latent_outlier"):
        assert merged[score][0] == joint[score][0]  # scores ranked
