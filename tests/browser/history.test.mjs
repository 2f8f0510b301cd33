// Undo and reload: a machine that goes back, and one that outlives its page.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { booted, enter, firstPrompt, launch, rests, root, screen, shows, started, state, url } from "./harness.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const { notice: notices } = JSON.parse(await readFile(path.join(root, "www/text/en.json"), "utf8"));

/** Waits until the page tells a notice. */
const said = (page, key) => page.locator(".toast", { hasText: notices[key] }).waitFor();

/** Waits until the state's hash is this one. */
async function hashBecomes(page, hash) {
  await page
    .waitForFunction((wanted) => document.querySelector(".app")?.dataset.hash === wanted, hash, { timeout: 30_000 })
    .catch(async () => assert.equal((await state(page)).hash, hash));
}

test("undo goes back to before the last line, again and again, and the machine goes on from there", async () => {
  const { context, page, errors } = await booted(browser);
  const undo = page.locator("#undo");
  assert.ok(await undo.isDisabled());
  const hashes = [(await rests(page)).hash];
  for (const line of ["echo one > /tmp/f", "echo two >> /tmp/f", "rm /tmp/f"]) {
    hashes.push((await enter(page, line)).hash);
  }
  assert.equal(new Set(hashes).size, 4);
  for (const hash of hashes.slice(0, 3).reverse()) {
    await undo.click();
    await hashBecomes(page, hash);
    await rests(page);
  }
  assert.ok(await undo.isDisabled());
  assert.doesNotMatch(await screen(page), /echo one/);
  await enter(page, "ls /tmp/f", /No such file/);
  await enter(page, "echo again > /tmp/f && cat /tmp/f", /^again$/m);
  assert.deepEqual(errors, []);
  await context.close();
});

test("what is typed while the machine goes back is not lost", async () => {
  const { context, page, errors } = await booted(browser);
  await enter(page, "echo one > /tmp/f");
  await page.evaluate(() => {
    document.querySelector("#undo").click();
    document.querySelector(".xterm-helper-textarea").focus();
  });
  await page.keyboard.type("ls /tmp/f; echo typed meanwhile\n");
  await shows(page, /^ls: \/tmp\/f: No such file or directory\ntyped meanwhile$/m);
  assert.deepEqual(errors, []);
  await context.close();
});

test("undo leads back to the same machine however late the engine's code has come", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const come = new Promise((done) =>
    page.route("**/glassdock-js_more.wasm", async (route) => {
      await page.waitForTimeout(2500);
      await route.continue();
      done();
    }),
  );
  await page.goto(url);
  await firstPrompt(page);
  const { hash } = await started(page);
  await come;
  await page.waitForTimeout(500);
  await enter(page, "echo one > /tmp/f");
  await page.locator("#undo").click();
  await hashBecomes(page, hash);
  await enter(page, "ps", /dockerd/);
  await context.close();
});

test("a page that is loaded again is where it was, with the same hash, and goes on", async () => {
  const { context, page, errors } = await booted(browser);
  await enter(page, "echo kept > /root/kept; cd /etc");
  await enter(page, "export COLOUR=sea");
  // A checkpoint is taken and written while the machine rests.
  await page.waitForTimeout(1500);
  const before = await rests(page);
  const shown = await screen(page);
  await page.reload();
  await firstPrompt(page);
  await hashBecomes(page, before.hash);
  await shows(page, /export COLOUR/);
  assert.equal(await screen(page), shown);
  await enter(page, "cat /root/kept; pwd; echo $COLOUR", /^kept\n\/etc\nsea$/m);
  // The journey of what was done before is there too, and can be undone.
  await page.locator("#undo").click();
  await hashBecomes(page, before.hash);
  assert.deepEqual(errors, []);
  await context.close();
});

test("what was typed after the last checkpoint is done again after a reload", async () => {
  const { context, page } = await booted(browser);
  await enter(page, "echo first > /root/f");
  await page.waitForTimeout(1500);
  await page.keyboard.type("echo second >> /root/f; wc -l < /root/f; cat\rhalf a li", { delay: 5 });
  await page.waitForTimeout(600);
  await page.reload();
  await shows(page, /^2$/m);
  await shows(page, /half a li/);
  await page.keyboard.type("ne\r");
  await shows(page, /half a line\nhalf a line/);
  await context.close();
});

test("another build does again what was typed, and says so", async () => {
  const { context, page } = await booted(browser);
  await enter(page, "echo typed > /root/typed");
  await page.waitForTimeout(1500);
  // The same module with an empty custom section at its end: other bytes, another build.
  await context.route("**/glassdock-js_bg.wasm", async (route) => {
    const answer = await route.fetch();
    const body = Buffer.concat([await answer.body(), Buffer.from([0, 2, 1, 0x78])]);
    await route.fulfill({ response: answer, body });
  });
  await page.reload();
  await page.locator(".toast").waitFor();
  assert.match(await page.locator(".toast").innerText(), /done again/);
  await firstPrompt(page);
  await enter(page, "cat /root/typed", /^typed$/m);
  await context.close();
});

test("without storage everything works and nothing is kept", async () => {
  const context = await browser.newContext();
  await context.addInitScript(() => {
    delete Object.getPrototypeOf(navigator).storage;
  });
  const page = await context.newPage();
  // The Worker has its own navigator.
  await page.route("**/keeper.js", async (route) => {
    const answer = await route.fetch();
    const text = (await answer.text()).replace("navigator.storage.getDirectory()", "Promise.reject(new Error())");
    await route.fulfill({ response: answer, body: text });
  });
  await page.goto(url);
  await firstPrompt(page);
  await said(page, "unkept");
  const before = await started(page);
  await enter(page, "echo gone > /root/gone");
  await page.locator("#undo").click();
  await hashBecomes(page, before.hash);
  await page.reload();
  await firstPrompt(page);
  await enter(page, "ls /root/gone", /No such file/);
  await context.close();
});

test("where the browser has no more room the machine goes on, and the page says that nothing is kept", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  // The log's first records fit, and later ones do not.
  await page.route("**/keeper.js", async (route) => {
    const answer = await route.fetch();
    const full = "if (this.#logEnd > HEAD + 200) throw new DOMException('full', 'QuotaExceededError'); const bytes =";
    const text = (await answer.text()).replace("const bytes = log(", `${full} log(`);
    assert.ok(text.includes(full));
    await route.fulfill({ response: answer, body: text });
  });
  await page.goto(url);
  await firstPrompt(page);
  await started(page);
  const told = said(page, "full");
  for (let line = 0; line < 8; line += 1) await enter(page, `echo line ${line} >> /root/lines`);
  await told;
  const { hash } = await rests(page);
  await enter(page, "wc -l < /root/lines", /^8$/m);
  await page.locator("#undo").click();
  await hashBecomes(page, hash);
  await rests(page);
  await enter(page, "wc -l < /root/lines", /^8$/m);
  await context.close();
});

test("a second tab of the same page has its own machine", async () => {
  const { context, page } = await booted(browser);
  await enter(page, "echo mine > /root/mine");
  const other = await context.newPage();
  await other.goto(url);
  await firstPrompt(other);
  await said(other, "second");
  await enter(other, "ls /root/mine", /No such file/);
  await enter(page, "cat /root/mine", /^mine$/m);
  await context.close();
});
