// What the interface needs of the browser and Rust would only make longer: the machine's Worker and the terminal, which
// www/start.js has begun before the interface was there; the canvas; what is remembered. Nothing here knows what is shown.
import * as start from "../../../start.js";

// ---------------------------------------------------------------- the machine and its terminal

/** Hears the machine from now on; where `fresh`, another one that is started instead. */
export function startMachine(fresh, onBytes, onFailure, onNotice, onAgain) {
  const hears = { bytes: onBytes, failure: onFailure, notice: onNotice, again: onAgain };
  if (fresh) start.restart(hears);
  else start.attach(hears);
}

export const { post, outputEnd, writeTerminal, resetTerminal, labelTerminal, focusTerminal } = start;

/**
 * Takes the terminal over into `element`. `onInput` gets what is typed, as bytes; `onSize` rows and columns; `onStep` is
 * called with -1 or 1 for Alt+Left and Alt+Right; `onLeave` for F6.
 */
export function openTerminal(element, label, onInput, onSize, onStep, onLeave) {
  start.adoptTerminal(element, label, { input: onInput, size: onSize, step: onStep, leave: onLeave });
}

// ---------------------------------------------------------------- looks and memory

export const { recall } = start;

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
  start.coloursChanged();
}

export function setLanguage(language, title) {
  document.documentElement.lang = language;
  document.title = title;
}

export function onSchemeChange(changed) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    start.coloursChanged();
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

/** Says in the browser's console that the page is not what it should be. */
export function complain(what) {
  console.error(what);
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
  const paints = colours.map(start.resolved);
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
  context.font = `12px ${start.token("--mono")}`;
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
