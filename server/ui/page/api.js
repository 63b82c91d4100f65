// The public API of this server, and nothing else. Paths are relative, so that a proxy may put us in a folder.

let key = "";

export const hasKey = () => key !== "";
export function useKey(text) {
  key = text.trim();
}

export class ApiError extends Error {
  constructor(record, status) {
    super(record.message);
    this.record = record;
    this.status = status;
  }
}

let onUnauthorized = () => {};
export function whenUnauthorized(call) {
  onUnauthorized = call;
}

async function refused(reply) {
  let record = { message: `The server answered ${reply.status}.`, code: String(reply.status) };
  try {
    record = (await reply.json()).error || record;
  } catch {
    // A proxy in between answered with a page of its own.
  }
  if (reply.status === 401) onUnauthorized();
  return new ApiError(record, reply.status);
}

async function call(path, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  if (key) headers.Authorization = `Bearer ${key}`;
  let reply;
  try {
    reply = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server cannot be reached. Is it still running?");
  }
  if (!reply.ok) throw await refused(reply);
  return reply;
}

export const get = async (path, signal) => (await call(path, { signal })).json();
export const getText = async (path, accept, signal) => (await call(path, { signal, headers: { Accept: accept } })).text();
export const send = async (method, path) => (await call(path, { method })).text();

// Lines of a streamed reply as they come. A cut connection ends in an error, never in silence.
async function* lines(reply) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error("The connection was cut.");
    }
    if (piece.done) break;
    const parts = (rest + piece.value).split("\n");
    rest = parts.pop();
    yield* parts;
  }
  if (rest) yield rest;
}

// POST /v1/rewards as NDJSON. `each` sees every event; throws unless the last of them is `done`.
export async function score(body, each, signal) {
  const reply = await call("v1/rewards", {
    method: "POST",
    signal,
    headers: { "Content-Type": "application/json", Accept: "application/x-ndjson" },
    body: JSON.stringify({ ...body, stream: true }),
  });
  let last = "";
  for await (const line of lines(reply)) {
    if (!line) continue;
    const event = JSON.parse(line);
    last = event.event;
    if (last === "error") throw new ApiError(event.error, 200);
    each(event);
  }
  if (last !== "done") throw new Error("The stream ended before the work was done: what you see is a part of the answer.");
}

// Server-sent events of a run, from behind event `after` on. EventSource cannot carry a key, so it is read here.
export async function events(path, after, each, signal) {
  const reply = await call(path, { signal, headers: { Accept: "text/event-stream", "Last-Event-ID": String(after) } });
  let event = { kind: "message", id: after, data: "" };
  for await (const line of lines(reply)) {
    if (line === "") {
      if (event.data) each(event.kind, JSON.parse(event.data), event.id);
      event = { kind: "message", id: event.id, data: "" };
    } else if (line.startsWith("event:")) event.kind = line.slice(6).trim();
    else if (line.startsWith("id:")) event.id = Number(line.slice(3));
    else if (line.startsWith("data:")) event.data += line.slice(5).trim();
  }
}

let document_ = null;
// What this server's API offers, from its own description: the page shows no control that it does not know.
export async function description() {
  document_ = document_ || get("openapi.json").catch((error) => {
    document_ = null;
    throw error;
  });
  return document_;
}
