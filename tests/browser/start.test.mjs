import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { booted, enter, firstPrompt, launch, rests, screen, shows, started, url } from "./harness.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

test("the page boots a machine to a prompt and runs what is typed", async () => {
  const { context, page, errors } = await booted(browser);
  assert.equal(await page.title(), "Glassdock · see through Docker");
  await enter(page, "echo $((6 * 7)) > /tmp/answer; cat /tmp/answer", /^42$/m);
  await enter(page, "uname -sr; id -un", /Linux 6\.18\S*\nroot/);
  assert.deepEqual(errors, []);
  await context.close();
});

test("keys arrive at programs: an interrupt, completion, an editor", async () => {
  const { context, page, errors } = await booted(browser);
  await page.keyboard.type("sleep 1000\r");
  await page.waitForTimeout(300);
  await page.keyboard.press("Control+c");
  await shows(page, /\^C/);
  await page.keyboard.type("cat /etc/host\tna\t\r");
  await shows(page, /^glassdock$/m);
  await page.keyboard.type("vi /tmp/note\r");
  await shows(page, /^~$/m);
  await page.keyboard.type("iseen through");
  await page.keyboard.press("Escape");
  // An editor waits a moment to know the key from the beginning of a sequence.
  await page.waitForTimeout(250);
  await page.keyboard.type(":wq\r");
  await enter(page, "rev /tmp/note", /^hguorht nees$/m);
  assert.deepEqual(errors, []);
  await context.close();
});

test("time goes on while the machine rests", async () => {
  const { context, page } = await booted(browser);
  const start = Date.now();
  await enter(page, "sleep 1; echo done", /^done$/m);
  const passed = Date.now() - start;
  assert.ok(passed > 900 && passed < 20_000, `${passed} ms`);
  await context.close();
});

test("the terminal's size is the window's, also after it changed", async () => {
  const { context, page } = await booted(browser, { viewport: { width: 1440, height: 900 } });
  const size = async () => {
    await enter(page, "clear; stty size", /^\d+ \d+$/m);
    return /^(\d+) (\d+)$/m.exec(await screen(page)).slice(1).map(Number);
  };
  const wide = await size();
  await page.setViewportSize({ width: 800, height: 900 });
  await rests(page);
  const narrow = await size();
  assert.ok(narrow[1] < wide[1] && narrow[1] > 40, `${wide} ${narrow}`);
  await context.close();
});

/** Opens the page with the files of a pattern held back; `release` lets them go. */
async function heldBack(pattern) {
  const context = await browser.newContext();
  const page = await context.newPage();
  let release;
  const released = new Promise((done) => (release = done));
  await page.route(pattern, async (route) => {
    await released;
    await route.continue();
  });
  await page.goto(url);
  await firstPrompt(page);
  return { context, page, release };
}

async function type(page, line) {
  await page.evaluate(() => document.querySelector(".xterm-helper-textarea").focus());
  await page.keyboard.type(`${line}\n`);
}

test("the terminal works before the interface is there, which then knows what was done", async () => {
  const { context, page, release } = await heldBack("**/glassdock-web_bg.wasm");
  await type(page, "echo early $((6 * 7))");
  await shows(page, /^early 42$/m);
  assert.equal(await page.locator("#interface").isVisible(), false);
  release();
  await rests(page);
  assert.match(await screen(page), /^early 42$/m);
  assert.match(await page.locator(".time").innerText(), /Now/);
  assert.equal((await page.locator(".pane-journey .subject").innerText()).trim(), "echo early $((6 * 7))");
  await enter(page, "echo late $((6 * 7))", /^late 42$/m);
  await context.close();
});

test("the shell works before the engine's code is there, and docker waits for it", async () => {
  const { context, page, release } = await heldBack("**/glassdock-js_more.wasm");
  await rests(page);
  await enter(page, "echo early $((6 * 7))", /^early 42$/m);
  await type(page, "docker run --rm busybox echo from the container");
  release();
  await shows(page, /^from the container$/m);
  await context.close();
});

test("a terminal alone works before both the interface and the engine's code are there", async () => {
  const { context, page, release } = await heldBack(/glassdock-(web_bg|js_more)\.wasm/);
  await type(page, "echo early $((6 * 7))");
  await shows(page, /^early 42$/m);
  release();
  await rests(page);
  await enter(page, "docker run --rm busybox echo from the container", /^from the container$/m);
  await context.close();
});

test("without the engine's code the page says what is missing", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route("**/glassdock-js_more.wasm", (route) => route.fulfill({ status: 404, body: "gone" }));
  await page.goto(url);
  await firstPrompt(page);
  await rests(page);
  await type(page, "docker version");
  const alert = page.locator("[role=alert]");
  await alert.waitFor();
  assert.match(await alert.innerText(), /glassdock-js_more\.wasm: 404/);
  await context.close();
});

test("without the interface the page says so and the terminal works", async () => {
  const context = await browser.newContext({ locale: "ko-KR" });
  const page = await context.newPage();
  await page.route("**/glassdock-web.js", (route) => route.fulfill({ status: 404, body: "gone" }));
  await page.goto(url);
  const alert = page.locator("[role=alert]");
  await alert.waitFor();
  assert.match(await alert.innerText(), /인터페이스를 불러오지 못했습니다/);
  await type(page, "echo still $((6 * 7))");
  await shows(page, /^still 42$/m);
  await context.close();
});

for (const [what, pattern] of [
  ["the host's files", "**/images/host.tar.gz"],
  ["the image", "**/images/busybox.tar.gz"],
  ["the machine", "**/glassdock-js_bg.wasm"],
]) {
  test(`without ${what} the page says what is missing, and tries again when asked`, async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.route(pattern, (route) => route.fulfill({ status: 404, body: "gone" }));
    await page.goto(url);
    const alert = page.locator("[role=alert]");
    await alert.waitFor();
    assert.match(await alert.innerText(), /404/);
    await page.unroute(pattern);
    await alert.locator("button").click();
    await firstPrompt(page);
    // Time goes on only with the engine's code, which the Worker before this one was told to fetch.
    await started(page);
    await enter(page, "sleep 1; ps", /dockerd/);
    await context.close();
  });
}

test("a damaged image is refused in words", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route("**/images/host.tar.gz", (route) => route.fulfill({ body: "no archive at all" }));
  await page.goto(url);
  const alert = page.locator("[role=alert]");
  await alert.waitFor();
  assert.match(await alert.innerText(), /archive/);
  await context.close();
});
