// Opens the built page in Chromium. `cargo xtask test browser` serves the page and sets
// GLASSDOCK_URL; a scenario file is `*.test.mjs` and uses node:test.
import { createRequire } from "node:module";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

// npm's packages live beside the page, not beside the tests.
const require = createRequire(new URL("../../www/package.json", import.meta.url));
const { chromium } = require("playwright-core");

/** Where the page is served. */
export const url = process.env.GLASSDOCK_URL ?? "http://127.0.0.1:8080/";

/** The workspace's root. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** A browser that talks to nobody but the page's server. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.GLASSDOCK_CHROMIUM ?? "/usr/bin/chromium",
    // Chromium's own sandbox does not start as root.
    chromiumSandbox: false,
    args: [
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      "--disable-quic",
    ],
  });
}

/**
 * Opens the page in a fresh profile.
 * `options` are playwright's context options: viewport, colorScheme, locale, …
 * Errors of the page land in `errors`; a scenario asserts that there are none.
 */
export async function open(browser, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  await page.goto(url);
  return { context, page, errors };
}

/** Waits for the page to say that the first shell prompt is on the screen. */
export async function firstPrompt(page, timeout = 60_000) {
  await page.waitForFunction(
    () => performance.getEntriesByName("glassdock:prompt").length > 0,
    undefined,
    { timeout },
  );
}

/** What the terminal shows. */
export function screen(page) {
  return page.evaluate(() =>
    Array.from(document.querySelectorAll(".xterm-rows > div"), (row) => row.textContent.trimEnd()).join("\n").trimEnd(),
  );
}

/** Waits until the terminal shows something that `pattern` matches, and the machine rests. */
export async function shows(page, pattern, timeout = 60_000) {
  await page
    .waitForFunction(
      ({ source, flags }) => {
        const rows = Array.from(document.querySelectorAll(".xterm-rows > div"), (row) => row.textContent.trimEnd());
        return new RegExp(source, flags).test(rows.join("\n"));
      },
      { source: pattern.source, flags: pattern.flags },
      { timeout },
    )
    .catch(async (error) => {
      throw new Error(`the terminal never showed ${pattern}:\n${await screen(page)}`, { cause: error });
    });
}

/** So many looks in a row, a tenth of a second apart, see nothing new in a machine that rests. */
const CALM = 4;

/** Waits until the machine has nothing to do and the page has heard everything; `calm` is how many looks must agree. */
export async function rests(page, timeout = 60_000, calm = CALM) {
  await page.waitForFunction(
    () => {
      const { busy, events } = document.querySelector(".app")?.dataset ?? {};
      return busy === "false" && events !== "0";
    },
    undefined,
    { timeout, polling: 50 },
  );
  // A terminal's answer to a question may still be on its way.
  let last = "";
  for (let same = 0; same < calm; ) {
    const now = await state(page);
    same = now.busy === "false" && now.events === last ? same + 1 : 0;
    last = now.events;
    if (same < calm) await page.waitForTimeout(100);
  }
  return state(page);
}

/** What the interface says of the machine: events told, their hash, whether it is busy. */
export function state(page) {
  return page.evaluate(() => ({ ...document.querySelector(".app").dataset }));
}

/** Opens the page in a fresh profile, waits for the prompt, and for the engine to have started behind it. */
export async function booted(browser, options = {}) {
  const opened = await open(browser, options);
  await firstPrompt(opened.page);
  await started(opened.page);
  return opened;
}

/**
 * Waits until nothing goes on by itself any more. What starts the engine lets a moment of the machine's time pass first,
 * and that time stands still until the page has the engine's code: a machine that rests may still be to start it.
 */
export async function started(page, timeout = 60_000) {
  await page.waitForFunction(
    () => {
      const { busy, next, events } = document.querySelector(".app")?.dataset ?? {};
      return busy === "false" && next === "" && events !== "0";
    },
    undefined,
    { timeout, polling: 50 },
  );
  return rests(page, timeout);
}

/** Types a line at the terminal, and waits until the shell has answered with `pattern`, or with its next prompt. */
export async function enter(page, line, pattern = undefined, timeout = 60_000, calm = CALM) {
  await page.evaluate(() => document.querySelector(".xterm-helper-textarea").focus());
  await page.keyboard.type(line);
  const { events } = await state(page);
  await page.keyboard.press("Enter");
  await page.waitForFunction((before) => document.querySelector(".app").dataset.events !== before, events, { timeout });
  if (pattern) await shows(page, pattern, timeout);
  return rests(page, timeout, calm);
}

/** Keeps a picture below target/screenshots and returns its path. */
export async function screenshot(page, name) {
  const folder = path.join(root, "target", "screenshots");
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `${name}.png`);
  await page.screenshot({ path: file });
  return file;
}
