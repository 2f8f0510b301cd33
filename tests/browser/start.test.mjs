import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { booted, enter, firstPrompt, launch, rests, screen, shows, url } from "./harness.mjs";

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
