// Which view is shown, the key, the theme.

import { hasKey, useKey, whenUnauthorized } from "./api.js";
import { byId, errorBox } from "./dom.js";
import { scoreView } from "./score.js";

const VIEWS = {
  score: ["Score", async () => scoreView],
  runs: ["Runs", async (parts) => {
    if (parts.length === 0) return (await import("./runs.js")).runsView;
    if (parts[1] === "vs") return (await import("./compare.js")).compareView;
    return (await import("./run.js")).runView;
  }],
  models: ["Models", async () => (await import("./models.js")).modelsView],
  status: ["Status", async () => (await import("./status.js")).statusView],
};

let leave = null;
let turn = 0;

async function show() {
  const [name, ...parts] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const [title, load] = VIEWS[name] || VIEWS.score;
  const main = byId("main");
  const mine = ++turn;
  if (leave) leave();
  leave = null;
  main.replaceChildren();
  document.title = `${[title, ...parts].join(" · ")} – rewardd`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#/${VIEWS[name] ? name : "score"}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  try {
    const view = await load(parts);
    if (mine === turn) leave = view(main, ...parts) || null;
  } catch (error) {
    if (mine === turn) main.append(errorBox(error));
  }
}

function askKey() {
  const dialog = byId("key-dialog");
  if (dialog.open) return;
  byId("key-why").firstChild.textContent = hasKey()
    ? "The server does not take this key. Another one? It stays in the memory of this tab and is gone when you close or reload it."
    : "This server asks for a key. It stays in the memory of this tab and is gone when you close or reload it.";
  byId("key-input").value = "";
  dialog.returnValue = "cancel";
  dialog.showModal();
}

byId("key-button").addEventListener("click", askKey);
byId("key-dialog").addEventListener("close", () => {
  const { returnValue } = byId("key-dialog");
  const typed = byId("key-input").value;
  byId("key-input").value = "";
  if (returnValue === "cancel" || (returnValue === "use" && typed.trim() === "")) return;
  useKey(returnValue === "use" ? typed : "");
  byId("key-button").textContent = hasKey() ? "API key ✓" : "API key";
  show();
});
whenUnauthorized(askKey);

byId("theme-button").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});

byId("copy-close").addEventListener("click", () => byId("copy-dialog").close());
byId("copy-button").addEventListener("click", async () => {
  const area = byId("copy-text");
  area.select();
  try {
    await navigator.clipboard.writeText(area.value);
    byId("copy-said").textContent = "Copied.";
  } catch {
    byId("copy-said").textContent = "Your browser does not let a page copy here: press Ctrl+C.";
  }
});

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
addEventListener("hashchange", () => {
  show();
  byId("main").focus({ preventScroll: true });
  scrollTo(0, 0);
});
show();
