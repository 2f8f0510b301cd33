// The beginning of the page: the machine's Worker and a terminal on its console. A person has a prompt before the
// interface is there, which is fetched then and takes both over (crates/web/js/page.js).

// ---------------------------------------------------------------- the machine

let worker;
/** Workers that have others in their places and are still to give back what they did not come to; what waits for that. */
let leaving = 0;
const held = [];
/**
 * Who hears the machine: functions `bytes` for its messages, `failure` for what keeps it from running, `notice` for what
 * a reader is to know, `again` for when another Worker took over. Until the interface is there, it is nobody.
 */
let hears;
/** What was to be heard meanwhile. */
const unheard = [];

const tell = (what, value) => (hears ? hears[what](value) : unheard.push([what, value]));

/** Sends to the machine. */
function send(message, moved = []) {
  if (leaving) held.push([message, moved]);
  else worker?.postMessage(message, moved);
}

/** A Worker handed over to another: what was sent to it since is the other's. */
function succeed(start) {
  const old = worker;
  leaving += 1;
  old.onmessage = ({ data }) => {
    old.terminate();
    leaving -= 1;
    held.unshift(...data.left.map((message) => [message, message instanceof ArrayBuffer ? [message] : []]));
    if (leaving === 0) for (const [message, moved] of held.splice(0)) send(message, moved);
  };
  old.postMessage({ leave: true });
  worker = undefined;
  startWorker(start);
  hears?.again();
}

/** Starts a Worker in the place of the one before; `start` says how (worker.js). */
function startWorker(start) {
  worker?.terminate();
  try {
    worker = new Worker(new URL("worker.js", document.baseURI), { type: "module" });
  } catch (error) {
    fail(String(error));
    return;
  }
  const own = worker;
  worker.onmessage = ({ data }) => own === worker && heard(data);
  worker.onerror = (event) => fail(event.message || "");
  worker.onmessageerror = () => fail("");
  const { image } = start;
  const moved = image ? [image.words, ...image.older.flatMap(({ pages, words }) => [pages, words])] : [];
  worker.postMessage({ start }, moved);
  // The one before was told so, and what it had fetched, or was fetching, may have gone with it.
  if (loading) worker.postMessage({ prompted: true });
}

function heard(data) {
  if (data instanceof ArrayBuffer) {
    // Before the interface is there, this is how far a long beginning is.
    if (!hears) return loadInterface();
    hears.bytes(new Uint8Array(data));
    send({ heard: true });
  } else if (data.shown) {
    if (hears) return;
    terminal.end = data.end;
    writeTerminal(new Uint8Array(data.shown), data.old);
  } else if (data.rests) {
    // What runs at the console has no prompt.
    setTimeout(loadInterface, 500);
  } else if (data.notice) {
    tell("notice", data.notice);
  } else if (data.successor) {
    succeed(data.successor);
  } else {
    fail(String(data.failed));
  }
}

function fail(what) {
  tell("failure", what);
  loadInterface();
}

/** Hears the machine from now on. It says everything once more to who says hello. */
export function attach(who) {
  hears = who;
  for (const [what, value] of unheard.splice(0)) tell(what, value);
}

/** Starts the machine anew. */
export function restart(who) {
  hears = who;
  held.length = 0;
  startWorker({ fresh: true });
}

export function post(bytes) {
  const copy = bytes.slice();
  send(copy.buffer, [copy.buffer]);
}

let loading = false;

/** The interface comes once there is a prompt, or something else to show. */
async function loadInterface() {
  if (loading) return;
  loading = true;
  send({ prompted: true });
  try {
    const web = await import(new URL("glassdock-web.js", document.baseURI).href);
    await web.default();
  } catch (failure) {
    await sayWithout(failure);
  }
}

/** Says that there is no interface, where it would be; the terminal goes on. */
async function sayWithout(failure) {
  console.error(failure);
  const { failure: words } = await texts();
  const place = document.querySelector("#start .pane-journey");
  const box = Object.assign(document.createElement("div"), { className: "failure empty" });
  box.setAttribute("role", "alert");
  const part = (name, text) => Object.assign(document.createElement(name), { textContent: text });
  const again = Object.assign(part("button", words.reload), { className: "button" });
  again.onclick = () => location.reload();
  box.append(part("b", words.title), part("span", words.interface), part("code", String(failure)), again);
  place?.replaceChildren(box);
}

async function texts() {
  const wanted = recall("language") ?? navigator.language ?? "en";
  const language = wanted.startsWith("ko") ? "ko" : "en";
  const answer = await fetch(new URL(`text/${language}.json`, document.baseURI)).catch(() => undefined);
  return answer?.ok ? answer.json() : { failure: {} };
}

// ---------------------------------------------------------------- the terminal

const terminal = {
  view: undefined,
  fit: undefined,
  observer: undefined,
  element: undefined,
  waiting: [],
  /** Position after the last byte of output that was shown before the interface took over. */
  end: 0,
  prompted: false,
  mute: false,
  on: {
    input: (typed) => send({ typed }),
    size: (rows, cols) => send({ sized: [rows, cols] }),
    step() {},
    leave() {},
  },
};

/** What a terminal says by itself when it is asked for its cursor's place or its kind. */
const ANSWER = /^\x1b\[[\d;?>]*[Rc]$/;

/** A token of tokens.css, as it is written there. */
export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const known = new Map();

/** A colour token as the browser resolves it, so that `light-dark()` and friends become plain colours. */
export function resolved(name) {
  if (!known.has(name)) known.set(name, resolve(name));
  return known.get(name);
}

function resolve(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** To be called when the tokens have other values. */
export function coloursChanged() {
  known.clear();
  if (terminal.view) terminal.view.options.theme = terminalTheme();
}

function terminalTheme() {
  const names = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
  const theme = {
    background: resolved("--term-bg"),
    foreground: resolved("--term-fg"),
    cursor: resolved("--term-cursor"),
    cursorAccent: resolved("--term-bg"),
    selectionBackground: resolved("--term-selection"),
  };
  for (const name of names) {
    theme[name] = resolved(`--term-${name}`);
    theme[`bright${name[0].toUpperCase()}${name.slice(1)}`] = resolved(`--term-bright-${name}`);
  }
  return theme;
}

function stylesheet(href) {
  return new Promise((done) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
    link.onload = link.onerror = done;
    document.head.append(link);
  });
}

/** Loads xterm.js and opens the terminal. */
async function openTerminal(element) {
  const base = new URL("vendor/", document.baseURI);
  const [{ Terminal, FitAddon }] = await Promise.all([
    import(new URL("xterm.js", base).href),
    stylesheet(new URL("xterm.css", base).href),
  ]);
  const coarse = matchMedia("(pointer: coarse)").matches;
  const view = new Terminal({
    fontFamily: token("--mono"),
    fontSize: coarse ? 13 : 14,
    lineHeight: 1.15,
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    scrollback: 5000,
    screenReaderMode: false,
    macOptionIsMeta: true,
    theme: terminalTheme(),
  });
  const fit = new FitAddon();
  view.loadAddon(fit);
  view.open(element);
  const encoder = new TextEncoder();
  view.onData((text) => {
    if (!terminal.mute || !ANSWER.test(text)) terminal.on.input(encoder.encode(text));
  });
  view.onBinary((text) => terminal.on.input(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
  view.onResize(({ rows, cols }) => terminal.on.size(rows, cols));
  view.attachCustomKeyEventHandler(ownKey);
  terminal.view = view;
  terminal.fit = fit;
  place(element);
  terminal.on.size(view.rows, view.cols);
  for (const [bytes, old] of terminal.waiting.splice(0)) writeTerminal(bytes, old);
  if (!coarse) view.focus();
}

/** Keys that are not the terminal's; gives false for these. */
function ownKey(event) {
  const { view } = terminal;
  const own = (act) => {
    if (event.type === "keydown") act();
    event.preventDefault();
    return false;
  };
  if (event.key === "F6") return own(() => terminal.on.leave());
  if (event.altKey && !event.ctrlKey && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
    return own(() => terminal.on.step(event.key === "ArrowLeft" ? -1 : 1));
  }
  // Copy and paste as everywhere else, where the terminal would take the keys: Ctrl+Shift+C and Ctrl+Shift+V.
  if (event.ctrlKey && event.shiftKey && event.key.toLowerCase() === "c" && view.hasSelection()) {
    return own(() => navigator.clipboard?.writeText(view.getSelection()));
  }
  return true;
}

/** Keeps the terminal as large as the element that it is in. */
function place(element) {
  const { fit } = terminal;
  const refit = () => element.offsetParent && element.clientHeight > 20 && fit.fit();
  terminal.element = element;
  terminal.observer?.disconnect();
  terminal.observer = new ResizeObserver(refit);
  terminal.observer.observe(element);
  refit();
}

/** Moves the terminal into the interface, which takes the place of what the page began with. */
export async function adoptTerminal(element, label, on) {
  await opened;
  const { view } = terminal;
  const focused = view?.textarea === document.activeElement;
  terminal.on = on;
  if (view) {
    element.append(view.element);
    labelTerminal(label);
  }
  document.getElementById("start")?.remove();
  document.getElementById("interface").hidden = false;
  // What was measured while it was hidden is measured again.
  dispatchEvent(new Event("resize"));
  if (!view) return;
  place(element);
  on.size(view.rows, view.cols);
  if (focused) view.focus();
}

/** Shows output. What is `old` was shown before, to another page: questions in it have been answered. */
export function writeTerminal(bytes, old) {
  const copy = bytes.slice();
  const { view } = terminal;
  if (!view) {
    terminal.waiting.push([copy, old]);
    return;
  }
  // Writes are worked off in order, so these two enclose the questions in between.
  if (old) view.write("", () => (terminal.mute = true));
  view.write(copy, terminal.prompted ? undefined : noticePrompt);
  if (old) view.write("", () => (terminal.mute = false));
}

/** Marks, once, the time at which the first shell prompt is on the screen. */
function noticePrompt() {
  const buffer = terminal.view.buffer.active;
  const line = buffer.getLine(buffer.baseY + buffer.cursorY)?.translateToString(false, 0, buffer.cursorX);
  if (!terminal.prompted && /[#$] $/.test(line ?? "")) {
    terminal.prompted = true;
    performance.mark("glassdock:prompt");
    loadInterface();
  }
}

/** Position after the last byte of output that is on the screen already. */
export const outputEnd = () => terminal.end;

export function resetTerminal() {
  terminal.waiting.length = 0;
  terminal.view?.reset();
}

export function labelTerminal(label) {
  terminal.view?.textarea?.setAttribute("aria-label", label);
}

export function focusTerminal() {
  terminal.view?.focus();
}

// ---------------------------------------------------------------- beginning

/** What is remembered under a name; nothing where the browser forbids it. */
export function recall(name) {
  try {
    return localStorage.getItem(`glassdock.${name}`) ?? undefined;
  } catch {
    return undefined;
  }
}

document.documentElement.dataset.theme = recall("theme") ?? "auto";
startWorker({});
// Without a terminal the rest of the page works; what went wrong shows in the browser's console.
const opened = openTerminal(document.getElementById("first-terminal")).catch((failure) => {
  console.error(failure);
  loadInterface();
});
