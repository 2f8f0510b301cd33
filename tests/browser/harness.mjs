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

/** Keeps a picture below target/screenshots and returns its path. */
export async function screenshot(page, name) {
  const folder = path.join(root, "target", "screenshots");
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `${name}.png`);
  await page.screenshot({ path: file });
  return file;
}
