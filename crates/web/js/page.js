// What the interface needs of the browser and Rust would only make longer: the machine's Worker, the terminal, the
// canvas, what is remembered. Nothing here knows what is shown.

// ---------------------------------------------------------------- the machine

let worker = null;

/**
 * Starts the machine's Worker; `start` says how (worker.js). `hears` has functions: `bytes` for its messages, `failure`
 * for what keeps it from running, `notice` for what a reader is to know, `again` for when another Worker took over.
 */
function startWorker(start, hears) {
  worker?.terminate();
  try {
    worker = new Worker(new URL("worker.js", document.baseURI), { type: "module" });
  } catch (error) {
    hears.failure(String(error));
    return;
  }
  const own = worker;
  worker.onmessage = ({ data }) => {
    if (own !== worker) return;
    if (data instanceof ArrayBuffer) {
      hears.bytes(new Uint8Array(data));
      own.postMessage({ heard: true });
    } else if (data.notice) {
      hears.notice(data.notice);
    } else if (data.successor) {
      startWorker(data.successor, hears);
      hears.again();
    } else {
      hears.failure(String(data.failed));
    }
  };
  worker.onerror = (event) => hears.failure(event.message || "");
  worker.onmessageerror = () => hears.failure("");
  const { image } = start;
  const moved = image ? [image.words, ...image.older.flatMap(({ pages, words }) => [pages, words])] : [];
  worker.postMessage({ start }, moved);
}

/** Starts the machine, from what is kept of it or anew. */
export function startMachine(fresh, onBytes, onFailure, onNotice, onAgain) {
  startWorker({ fresh }, { bytes: onBytes, failure: onFailure, notice: onNotice, again: onAgain });
}

export function post(bytes) {
  const copy = bytes.slice();
  worker?.postMessage(copy.buffer, [copy.buffer]);
}

// ---------------------------------------------------------------- the terminal

const terminal = { view: null, fit: null, waiting: [], element: null, prompted: false, mute: false };

/** What a terminal says by itself when it is asked for its cursor's place or its kind. */
const ANSWER = /^\x1b\[[\d;?>]*[Rc]$/;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const known = new Map();

/** A colour token as the browser resolves it, so that `light-dark()` and friends become plain colours. */
function resolved(name) {
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

/**
 * Loads xterm.js and opens a terminal in `element`. `onInput` gets what is typed, as bytes; `onSize` rows and columns;
 * `onStep` is called with -1 or 1 for Alt+Left and Alt+Right; `onLeave` for F6.
 */
export async function openTerminal(element, label, onInput, onSize, onStep, onLeave) {
  terminal.element = element;
  const base = new URL("vendor/", document.baseURI);
  const [{ Terminal, FitAddon }] = await Promise.all([
    import(new URL("xterm.js", base).href),
    stylesheet(new URL("xterm.css", base).href),
  ]);
  const coarse = matchMedia("(pointer: coarse)").matches;
  const view = new Terminal({
    fontFamily: colour("--mono"),
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
    if (!terminal.mute || !ANSWER.test(text)) onInput(encoder.encode(text));
  });
  view.onBinary((text) => onInput(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
  view.onResize(({ rows, cols }) => onSize(rows, cols));
  view.attachCustomKeyEventHandler((event) => {
    if (event.key === "F6") {
      if (event.type === "keydown") onLeave();
      event.preventDefault();
      return false;
    }
    if (event.altKey && !event.ctrlKey && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      if (event.type === "keydown") onStep(event.key === "ArrowLeft" ? -1 : 1);
      event.preventDefault();
      return false;
    }
    // Copy and paste as everywhere else, where the terminal would take the keys: Ctrl+Shift+C and Ctrl+Shift+V.
    if (event.ctrlKey && event.shiftKey && event.key.toLowerCase() === "c" && view.hasSelection()) {
      if (event.type === "keydown") navigator.clipboard?.writeText(view.getSelection());
      event.preventDefault();
      return false;
    }
    return true;
  });
  terminal.view = view;
  terminal.fit = fit;
  labelTerminal(label);
  const refit = () => element.offsetParent && element.clientHeight > 20 && fit.fit();
  new ResizeObserver(refit).observe(element);
  refit();
  onSize(view.rows, view.cols);
  for (const [bytes, old] of terminal.waiting.splice(0)) writeTerminal(bytes, old);
  if (!coarse) view.focus();
}

/** Shows output. What is `old` was shown before, to another page: questions in it have been answered. */
export function writeTerminal(bytes, old) {
  const copy = bytes.slice();
  if (!terminal.view) {
    terminal.waiting.push([copy, old]);
    return;
  }
  // Writes are worked off in order, so these two enclose the questions in between.
  if (old) terminal.view.write("", () => (terminal.mute = true));
  terminal.view.write(copy, terminal.prompted ? undefined : noticePrompt);
  if (old) terminal.view.write("", () => (terminal.mute = false));
}

/** Marks, once, the time at which the first shell prompt is on the screen. */
function noticePrompt() {
  const buffer = terminal.view.buffer.active;
  const line = buffer.getLine(buffer.baseY + buffer.cursorY)?.translateToString(false, 0, buffer.cursorX);
  if (!terminal.prompted && /[#$] $/.test(line ?? "")) {
    terminal.prompted = true;
    performance.mark("glassdock:prompt");
  }
}

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

// ---------------------------------------------------------------- looks and memory

/** What is remembered under a name; nothing where the browser forbids it. */
export function recall(name) {
  try {
    return localStorage.getItem(`glassdock.${name}`) ?? undefined;
  } catch {
    return undefined;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(`glassdock.${name}`, value);
  } catch {
    // A frame without storage: everything works, nothing is kept.
  }
}

export function browserLanguage() {
  return navigator.language ?? "en";
}

/** `auto`, `light` or `dark`. */
export function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  known.clear();
  if (terminal.view) terminal.view.options.theme = terminalTheme();
}

export function setLanguage(language, title) {
  document.documentElement.lang = language;
  document.title = title;
}

export function onSchemeChange(changed) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    known.clear();
    if (terminal.view) terminal.view.options.theme = terminalTheme();
    changed();
  });
}

/** Fetches the texts of a language; `then` gets them, or nothing where that failed. */
export function loadText(language, then) {
  fetch(new URL(`text/${language}.json`, document.baseURI))
    .then((answer) => (answer.ok ? answer.text() : undefined))
    .catch(() => undefined)
    .then(then);
}

/** Calls back when the window's size changes. */
export function onResize(changed) {
  addEventListener("resize", () => changed());
}

/** Keys pressed outside the terminal and outside fields: the key's name, and whether the app took it. */
export function onKey(handle) {
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (target.closest?.(".xterm, select, input, textarea")) return;
    // Space and Enter belong to a button that has the focus.
    if ((event.key === " " || event.key === "Enter") && target.closest?.("button, a, summary")) return;
    if (handle(event.key)) event.preventDefault();
  });
}

/** Milliseconds since the page began. */
export function clock() {
  return performance.now();
}

export function rowHeight() {
  return matchMedia("(pointer: coarse)").matches ? 40 : 27;
}

export function focusElement(id) {
  document.getElementById(id)?.focus();
}


// ---------------------------------------------------------------- the canvas

/**
 * Paints boxes and texts. `boxes` holds six numbers each: x, y, width, height, radius, place in `colours`; `texts` are
 * `[x, y, width, place in colours, text]`. Colours are names of tokens.
 */
export function paint(canvas, width, height, colours, boxes, texts) {
  const scale = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const paints = colours.map(resolved);
  for (let at = 0; at < boxes.length; at += 6) {
    context.fillStyle = paints[boxes[at + 5]];
    const [x, y, w, h, radius] = boxes.subarray(at, at + 5);
    if (radius > 0) {
      context.beginPath();
      context.roundRect(x, y, w, h, radius);
      context.fill();
    } else {
      context.fillRect(x, y, w, h);
    }
  }
  context.font = `12px ${colour("--mono")}`;
  context.textBaseline = "middle";
  for (const [x, y, w, paintAt, text] of texts) {
    context.fillStyle = paints[paintAt];
    context.save();
    context.beginPath();
    context.rect(x, y - 10, w, 20);
    context.clip();
    context.fillText(text, x, y);
    context.restore();
  }
}

export function afterwards(milliseconds, then) {
  setTimeout(then, milliseconds);
}
