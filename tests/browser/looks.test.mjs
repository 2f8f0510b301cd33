// Languages, themes, and widths; and the pictures of them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { copyFile, mkdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { booted, enter, launch, root, screenshot, shows, url } from "./harness.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const DESKTOP = { viewport: { width: 1440, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const texts = async (language) => JSON.parse(await readFile(path.join(root, "www/text", `${language}.json`), "utf8"));

/** The row of the HTTP request that makes a container. */
const request = (page) =>
  page.locator(".rows .row", { hasText: "containers/create" }).filter({ has: page.locator(".tag.layer-http") }).first();

/** Whether everything fits the width, and nothing that can be pressed is cut off or too small for a finger. */
async function fits(page, finger) {
  return page.evaluate((least) => {
    const wide = document.documentElement.scrollWidth > innerWidth;
    const bad = [];
    for (const element of document.querySelectorAll("button, select")) {
      const box = element.getBoundingClientRect();
      if (box.width === 0 || element.closest(".row, .xterm")) continue;
      // The layers' row can be pushed along with a finger.
      if (!element.closest(".chips") && (box.left < 0 || box.right > innerWidth + 0.5)) bad.push(`cut: ${element.textContent || element.ariaLabel}`);
      if (Math.min(box.width, box.height) < least) bad.push(`small: ${element.textContent || element.ariaLabel}`);
    }
    return { wide, bad };
  }, finger);
}

for (const language of ["en", "ko"]) {
  for (const theme of ["light", "dark"]) {
    test(`a desktop in ${language}, ${theme}`, async () => {
      const { context, page, errors } = await booted(browser, { ...DESKTOP, colorScheme: theme, locale: language });
      const words = await texts(language);
      assert.equal(await page.evaluate(() => document.documentElement.lang), language);
      assert.equal(await page.locator(".pane-journey h2").innerText(), words.journey.title);
      await enter(page, "docker run --rm -it busybox sh", /^\/ #$/m);
      await page.locator(".machine .box.container").waitFor();
      await request(page).click();
      assert.deepEqual(await fits(page, 20), { wide: false, bad: [] });
      await screenshot(page, `desktop-${language}-${theme}`);
      assert.deepEqual(errors, []);
      await context.close();
    });

    test(`a phone in ${language}, ${theme}`, async () => {
      const { context, page, errors } = await booted(browser, { ...PHONE, colorScheme: theme, locale: language });
      const words = await texts(language);
      await enter(page, "docker run -d --name sea busybox sleep 1000", /[0-9a-f]{30}/);
      const tab = (name) => page.locator(".tabs.bottom .tab", { hasText: name });
      for (const name of ["terminal", "journey", "machine", "details"]) {
        await tab(words[name].title).click();
        assert.deepEqual(await fits(page, 28), { wide: false, bad: [] }, name);
        if (name === "journey") await request(page).click();
        await screenshot(page, `phone-${language}-${theme}-${name}`);
      }
      assert.match(await page.locator(".pane-details").innerText(), /containers\/create/);
      assert.deepEqual(errors, []);
      await context.close();
    });
  }
}

for (const theme of ["light", "dark"]) {
  test(`a phone on its side, ${theme}`, async () => {
    const viewport = { width: 844, height: 390 };
    const { context, page, errors } = await booted(browser, { ...PHONE, viewport, colorScheme: theme, locale: "en" });
    await enter(page, "docker run -d --name sea busybox sleep 1000", /[0-9a-f]{30}/);
    for (const name of ["Terminal", "Journey", "Machine", "Details"]) {
      await page.locator(".tabs.bottom .tab", { hasText: name }).click();
      assert.deepEqual(await fits(page, 28), { wide: false, bad: [] }, name);
      if (name === "Journey") await request(page).click();
      await screenshot(page, `landscape-${theme}-${name.toLowerCase()}`);
    }
    assert.deepEqual(errors, []);
    await context.close();
  });
}

test("language and theme are chosen, seen at once and remembered", async () => {
  const { context, page } = await booted(browser, { ...DESKTOP, colorScheme: "light", locale: "en" });
  const ground = () => page.evaluate(() => getComputedStyle(document.querySelector(".pane")).backgroundColor);
  const light = await ground();
  const theme = page.locator(".top button[aria-label*='heme']");
  await theme.click();
  assert.equal(await ground(), light);
  await theme.click();
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.locator("#language").selectOption("ko");
  const korean = await texts("ko");
  await page.waitForFunction((title) => document.querySelector(".pane-journey h2").innerText === title, korean.journey.title);
  await page.reload();
  await page.locator(".pane-journey h2").waitFor();
  assert.equal(await page.locator(".pane-journey h2").innerText(), korean.journey.title);
  assert.equal(await ground(), dark);
  await context.close();
});

test("a phone's keys that its keyboard lacks", async () => {
  const { context, page } = await booted(browser, PHONE);
  await page.locator("#terminal").tap();
  await page.keyboard.type("cat\r");
  await page.locator(".keys button", { hasText: "^C" }).tap();
  await shows(page, /\^C/);
  await page.keyboard.type("cat /etc/hostn");
  await page.locator(".keys button", { hasText: "Tab" }).tap();
  await page.keyboard.type("\r");
  await shows(page, /^glassdock$/m);
  await context.close();
});

test("the page works from any folder", async () => {
  assert.ok(new URL(url).pathname.endsWith("/"));
  const { context, page } = await booted(browser, DESKTOP);
  const outside = await page.evaluate(() =>
    performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => !name.startsWith(document.baseURI.replace(/[^/]*$/, ""))),
  );
  assert.deepEqual(outside.filter((name) => !name.startsWith("data:")), []);
  await context.close();
});

test("the picture of the README", async () => {
  const options = { viewport: { width: 1280, height: 900 }, colorScheme: "light", locale: "en" };
  const { context, page } = await booted(browser, options);
  await enter(page, "docker run --rm -it busybox sh", /^\/ #$/m);
  // The container's process is there, and the runtime makes its surroundings.
  await page.keyboard.press("F6");
  await page.keyboard.press("ArrowLeft");
  const chosen = page.locator(".rows .row.selected");
  const wanted = chosen.filter({ hasText: (await texts("en")).why["root-bind"].slice(0, 20) });
  for (let row = 0; row < 80 && (await wanted.count()) === 0; row += 1) {
    await page.keyboard.press("ArrowDown");
    await chosen.waitFor();
  }
  assert.equal(await wanted.count(), 1);
  await page.waitForTimeout(400);
  const picture = await screenshot(page, "readme");
  assert.ok((await stat(picture)).size < 300_000);
  // GLASSDOCK_PICTURE=1 renews the one that the README shows.
  if (process.env.GLASSDOCK_PICTURE) {
    await mkdir(path.join(root, "docs"), { recursive: true });
    await copyFile(picture, path.join(root, "docs/screenshot.png"));
  }
  await context.close();
});
