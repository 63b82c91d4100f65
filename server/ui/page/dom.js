// Elements, numbers and hostile text. Nothing here or elsewhere in the page makes markup of a string.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [k, v] of Object.entries(value)) element.style.setProperty(k, v);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const h = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);
export const svg = (tag, properties, ...children) => fill(document.createElementNS(SVG, tag), properties, children);

export const byId = (id) => document.getElementById(id);

export function say(text) {
  byId("live").textContent = text;
}

// ---- numbers

export const isNumber = (x) => typeof x === "number" && Number.isFinite(x);
export const known = (x) => x !== null && x !== undefined;
export const fixed = (x, digits = 3) => (isNumber(x) ? x.toFixed(digits) : "–");
export const count = (x) => (isNumber(x) ? x.toLocaleString("en-US", { maximumFractionDigits: 0 }) : "–");

export function short(x) {
  if (!isNumber(x)) return "–";
  const size = Math.abs(x);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return x.toExponential(2);
  if (Number.isInteger(x) && size >= 10) return count(x);
  return size >= 100 ? x.toFixed(0) : size >= 10 ? x.toFixed(1) : x.toFixed(3);
}

export function bytes(x) {
  if (!isNumber(x)) return "–";
  const unit = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  for (; x >= 1000 && at < unit.length - 1; at++) x /= 1000;
  return `${at === 0 || x >= 100 ? x.toFixed(0) : x.toFixed(1)} ${unit[at]}`;
}

export function seconds(x) {
  if (!isNumber(x)) return "–";
  if (x < 1) return `${(x * 1000).toFixed(x < 0.01 ? 1 : 0)} ms`;
  if (x < 120) return `${x.toFixed(x < 10 ? 1 : 0)} s`;
  if (x < 7200) return `${(x / 60).toFixed(0)} min`;
  return x < 172800 ? `${(x / 3600).toFixed(0)} h` : `${(x / 86400).toFixed(0)} days`;
}

export const moment = (unix) => (isNumber(unix) ? new Date(unix * 1000).toISOString().replace("T", " ").slice(0, 19) + " UTC" : "–");
export const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many || one + "s"}`;

// ---- text that a policy wrote

// What changes how other text looks and cannot be seen itself: controls, overrides and isolates of the writing
// direction, zero-width characters, soft hyphens, tags, interlinear marks.
const GHOST = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb]|[\u{1d173}-\u{1d17a}]|[\u{e0000}-\u{e0fff}]|[\ud800-\udfff]/gu;
// Joiners inside scripts and emoji that are written with them are no tricks.
const JOINS = /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mongolian}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gujarati}\p{Script=Gurmukhi}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Oriya}\p{Script=Sinhala}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Khmer}\p{Script=Myanmar}\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f]/u;
const NAMES = { 0x200b: "zero-width space", 0x200c: "zero-width non-joiner", 0x200d: "zero-width joiner", 0x200e: "left-to-right mark",
  0x200f: "right-to-left mark", 0x202a: "left-to-right embedding", 0x202b: "right-to-left embedding", 0x202c: "pop directional formatting",
  0x202d: "left-to-right override", 0x202e: "right-to-left override", 0x2066: "left-to-right isolate", 0x2067: "right-to-left isolate",
  0x2068: "first strong isolate", 0x2069: "pop directional isolate", 0xfeff: "zero-width no-break space", 0xad: "soft hyphen", 0: "NUL" };

function ghost(character) {
  const code = character.codePointAt(0);
  const name = "U+" + code.toString(16).toUpperCase().padStart(4, "0");
  return h("span", { class: "ghost", title: NAMES[code] || "invisible character" }, name);
}

function isJoiner(text, at) {
  const c = text.charCodeAt(at);
  if (c !== 0x200c && c !== 0x200d) return false;
  const before = [...text.slice(Math.max(0, at - 2), at)].pop() || "";
  return JOINS.test(before) && JOINS.test(String.fromCodePoint(text.codePointAt(at + 1) || 32));
}

// Text nodes, with a visible name in place of each invisible character.
export function visible(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(GHOST)) {
    if (isJoiner(text, match.index)) continue;
    if (match.index > from) nodes.push(document.createTextNode(text.slice(from, match.index)));
    nodes.push(ghost(match[0]));
    from = match.index + match[0].length;
  }
  if (from < text.length) nodes.push(document.createTextNode(text.slice(from)));
  return nodes;
}

// Spans of the API count code points, JavaScript counts UTF-16 units.
export function codePoints(text) {
  if (!/[\ud800-\udbff][\udc00-\udfff]/.test(text)) return (at) => Math.min(at, text.length);
  const offset = new Uint32Array(text.length + 1);
  let n = 0;
  for (let i = 0; i < text.length; n++) {
    offset[n] = i;
    i += text.codePointAt(i) > 0xffff ? 2 : 1;
  }
  return (at) => (at >= n ? text.length : offset[at]);
}

// ---- pieces that views share

export function errorBox(error) {
  const e = error && error.record;
  if (!e) return h("div", { class: "error", role: "alert" }, h("strong", {}, "That did not work. "), String((error && error.message) || error));
  return h("div", { class: "error", role: "alert" },
    h("strong", {}, ...visible(e.message)),
    e.hint && h("p", {}, "What helps: ", ...visible(e.hint)),
    h("p", { class: "dim" }, [e.code, e.param && `field ${e.param}`, e.request_id && `request ${e.request_id}`].filter(Boolean).join(" · ")));
}

export function table(caption, head, rows, properties) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", properties || {}, h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col", class: cell.number ? "number" : null }, cell.number || cell)))),
      h("tbody", {}, rows)));
}

export function copyText(title, text) {
  const dialog = byId("copy-dialog");
  byId("copy-title").textContent = title;
  byId("copy-text").value = text;
  byId("copy-said").textContent = "";
  dialog.showModal();
  byId("copy-text").select();
}

export function download(name, type, text) {
  const link = h("a", { download: name, href: URL.createObjectURL(new Blob([text], { type })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
