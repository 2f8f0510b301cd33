// What a learner sees of a command: its steps, the machine, the messages; at any moment.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { booted, enter, launch, rests, shows, state } from "./harness.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const rows = (page) => page.locator(".rows .row").allInnerTexts();
const selected = (page) => page.locator(".rows .row.selected");
const moment = async (page) => Number(await page.locator("#track").getAttribute("aria-valuenow"));
/** The moment that is shown once it is another one than `before`: the page draws after it has heard a key. */
const moved = async (page, before) => {
  await page.waitForFunction((at) => Number(document.querySelector("#track").getAttribute("aria-valuenow")) !== at, before);
  return moment(page);
};
const latest = async (page) => Number(await page.locator("#track").getAttribute("aria-valuemax"));
const isPast = async (page) => (await state(page)).past === "true";

/** The row of an HTTP request. */
const request = (page, text) =>
  page.locator(".rows .row", { hasText: text }).filter({ has: page.locator(".tag.layer-http") }).first();

/** Leaves the terminal, so that keys are the page's. */
const leave = (page) => page.keyboard.press("F6");

test("the journey shows the last command's processes and system calls, and each has its facts", async () => {
  const { context, page, errors } = await booted(browser, { viewport: { width: 1440, height: 900 } });
  // A path, as busybox's shell runs its own applets without execve.
  await enter(page, "/bin/ls /etc");
  assert.equal(await page.locator(".pane-journey .subject").innerText(), "/bin/ls /etc");
  const text = (await rows(page)).join("\n");
  for (const step of [/ls/, /execve/]) assert.match(text, step);
  await page.locator(".rows .row", { hasText: "execve" }).first().click();
  const details = page.locator(".pane-details");
  assert.match(await details.innerText(), /execve/);
  assert.match(await details.innerText(), /\/bin\/ls/);
  assert.ok(await isPast(page));
  assert.deepEqual(errors, []);
  await context.close();
});

test("steps lead back and on by buttons, keys and the scrubber, and the machine is drawn as it was then", async () => {
  const { context, page, errors } = await booted(browser, { viewport: { width: 1440, height: 900 } });
  await enter(page, "sleep 0.01");
  const gone = page.locator(".machine .process-row", { hasText: "sleep 0.01" });
  assert.equal(await gone.count(), 0);

  await page.getByRole("button", { name: "Step back (←)" }).click();
  assert.ok(await isPast(page));
  const first = await moment(page);
  await page.getByRole("button", { name: "Step back (←)" }).click();
  assert.ok((await moment(page)) < first);
  await page.getByRole("button", { name: "Step on (→)" }).click();
  assert.equal(await moment(page), first);

  // The focus is on a button now: keys are the page's.
  await page.keyboard.press("ArrowLeft");
  assert.ok((await moment(page)) < first);
  await page.keyboard.press("ArrowRight");
  assert.equal(await moment(page), first);
  await page.keyboard.press("Home");
  const start = await moment(page);
  assert.ok(start < first);
  await selected(page).waitFor();

  // Somewhere between the first and the last step the process is there, with its number.
  let seen = 0;
  for (let step = 0; step < 200 && (await isPast(page)); step += 1) {
    seen += await gone.count();
    await page.keyboard.press("ArrowRight");
  }
  assert.ok(seen > 0);
  await page.keyboard.press("End");
  assert.ok(!(await isPast(page)));

  const track = await page.locator("#track").boundingBox();
  await page.mouse.click(track.x + track.width * 0.8, track.y + track.height / 2);
  const at = await moment(page);
  assert.ok((await isPast(page)) && at < (await latest(page)));
  await page.mouse.move(track.x + track.width * 0.8, track.y + track.height / 2);
  await page.mouse.down();
  await page.mouse.move(track.x + track.width * 0.7, track.y + track.height / 2, { steps: 4 });
  await page.mouse.up();
  assert.ok((await moment(page)) < at);
  await page.locator("#now").click();
  assert.ok(!(await isPast(page)));
  assert.deepEqual(errors, []);
  await context.close();
});

test("docker run: from the command line over HTTP to a process with two numbers", async () => {
  const { context, page, errors } = await booted(browser, { viewport: { width: 1440, height: 900 } });
  await enter(page, "docker run --rm -it busybox sh", /^\/ #$/m);
  const container = page.locator(".machine .box.container");
  await container.waitFor();
  assert.match(await container.locator(".state").innerText(), /running/);
  const numbers = await container.locator(".process-row .pids").first().locator("span").allInnerTexts();
  assert.equal(numbers.length, 2);
  assert.ok(Number(numbers[0]) > 1);
  assert.equal(numbers[1], "1");

  const text = (await rows(page)).join("\n");
  assert.match(text, /docker/);
  assert.match(text, /containers\/create/);
  await request(page, "containers/create").click();
  const wire = (await page.locator(".pane-details .wire").allInnerTexts()).join("\n");
  assert.match(wire, /POST \/v\d+\.\d+\/containers\/create/);
  assert.match(wire, /"Image": "busybox"/);
  await page.keyboard.press("End");

  // The container's shell is a shell: its own numbers, its own name.
  await enter(page, "echo pid $$; hostname | wc -c", /^pid 1\n13$/m);
  await enter(page, "exit", /#$/m);
  await container.waitFor({ state: "detached" });
  // Back in time it is there again.
  await leave(page);
  await page.keyboard.press("ArrowLeft");
  for (let step = 0; step < 400 && (await container.count()) === 0; step += 1) await page.keyboard.press("ArrowLeft");
  assert.equal(await container.count(), 1);
  assert.deepEqual(errors, []);
  await context.close();
});

test("layers can be hidden, rows opened and closed, by mouse and keys", async () => {
  const { context, page } = await booted(browser, { viewport: { width: 1440, height: 900 } });
  await enter(page, "cat /etc/hostname", /^glassdock$/m);
  await page.waitForTimeout(300);
  const all = (await rows(page)).length;
  const chip = page.locator(".chip.layer-syscall");
  await chip.click();
  assert.equal(await chip.getAttribute("aria-pressed"), "false");
  assert.ok((await rows(page)).length < all);
  await chip.click();
  assert.equal((await rows(page)).length, all);
  const fold = page.locator(".rows .row.fold").first();
  if (await fold.count()) {
    await fold.locator(".twist").click();
    assert.ok((await rows(page)).length > all);
  }
  await page.locator("#journey").focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  await selected(page).waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("t");
  await page.keyboard.type("pwd\r");
  await shows(page, /^\/(root)?$/m);
  await context.close();
});

test("steps lead back and on among a hundred thousand events", async () => {
  const { context, page } = await booted(browser, { viewport: { width: 1440, height: 900 } });
  await enter(page, "i=0; while [ $i -lt 400 ]; do i=$((i+1)); cat /etc/passwd | wc -l >/dev/null; done", undefined, 240_000);
  assert.ok(Number((await rests(page)).events) > 100_000);
  await leave(page);
  const moments = [];
  let at = await moment(page);
  for (const key of [...Array(30).fill("ArrowLeft"), ...Array(20).fill("ArrowRight")]) {
    await page.keyboard.press(key);
    at = await moved(page, at);
    moments.push(at);
  }
  for (let step = 1; step < 30; step += 1) assert.ok(moments[step] < moments[step - 1], `${moments}`);
  // On the way on, each moment is one that was passed on the way back.
  assert.deepEqual(moments.slice(30), moments.slice(9, 29).reverse());
  await context.close();
});

test("rows keep the end of a request's path and the whole name of a call, and hidden layers stay hidden", async () => {
  const { context, page, errors } = await booted(browser, { viewport: { width: 1280, height: 800 } });
  await enter(page, "docker run --rm busybox true");
  const clipped = (selector) =>
    page.locator(selector).evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent));
  const chip = page.locator(".chip.layer-syscall");
  assert.deepEqual(await clipped(".row .name.mono:has(+ .more) .start"), []);
  await chip.click();
  const list = page.locator("#journey");
  const seen = new Set();
  for (let top = 0; top < (await list.evaluate((one) => one.scrollHeight)); top += 200) {
    await list.evaluate((one, place) => one.scrollTo(0, place), top);
    await page.waitForTimeout(50);
    for (const end of await page.locator(".row .name .end").all()) {
      const [box, row] = [await end.boundingBox(), await page.locator("#journey").boundingBox()];
      assert.ok(box.x + box.width <= row.x + row.width);
      seen.add(await end.innerText());
    }
  }
  for (const end of ["/create", "/attach", "/wait", "/start"]) assert.ok(seen.has(end), `${[...seen]}`);
  await page.waitForTimeout(1500);
  await page.reload();
  await chip.waitFor();
  assert.equal(await chip.getAttribute("aria-pressed"), "false");
  assert.deepEqual(errors, []);
  await context.close();
});

test("a request is shown as it went over the socket", async () => {
  const { context, page } = await booted(browser, { viewport: { width: 1440, height: 900 } });
  await enter(page, "docker create --name sea busybox true");
  await request(page, "containers/create").click();
  const [head, body] = await page.locator(".pane-details .wire").allInnerTexts();
  assert.match(head, /^content-length: \d+$/im);
  // In the order in which it was written, which is no alphabet's.
  const names = [...body.matchAll(/^  "(\w+)":/gm)].map((found) => found[1]);
  assert.ok(names.length > 5);
  assert.notDeepEqual(names, [...names].sort());
  await context.close();
});

test("what is typed ahead is no command until the shell reads it, and a pager's keys are none", async () => {
  const { context, page } = await booted(browser, { viewport: { width: 1440, height: 900 } });
  const subject = page.locator(".pane-journey .subject");
  await page.evaluate(() => document.querySelector(".xterm-helper-textarea").focus());
  await page.keyboard.type("sleep 2; echo slept\r");
  await page.keyboard.type("echo ahead\r");
  await page.waitForTimeout(500);
  assert.equal(await subject.innerText(), "sleep 2; echo slept");
  await shows(page, /^ahead$/m);
  await rests(page);
  assert.equal(await subject.innerText(), "echo ahead");
  await page.keyboard.type("top\r");
  await shows(page, /Load average/);
  await page.keyboard.type("q");
  await enter(page, "pwd", /^\/root$/m);
  assert.equal(await subject.innerText(), "pwd");
  await context.close();
});

test("a process that has ended and that nobody waits for takes one row", async () => {
  const { context, page } = await booted(browser, { viewport: { width: 1280, height: 800 } });
  await enter(page, "docker run -d --name zed busybox sh -c 'sleep 0.1 & exec sleep 1000'", /[0-9a-f]{30}/);
  const ended = page.locator(".machine .process-row.ended");
  await ended.waitFor();
  assert.equal(await ended.locator(".kind").count(), 0);
  const [row, other] = [await ended.boundingBox(), await page.locator(".machine .process-row").first().boundingBox()];
  assert.ok(row.height <= other.height + 1, `${row.height} ${other.height}`);
  // The container came into view by itself.
  const [box, pane] = [await page.locator(".machine .box.container .head").boundingBox(), await page.locator(".machine").boundingBox()];
  assert.ok(box.y >= pane.y && box.y + box.height <= pane.y + pane.height);
  await context.close();
});

test("a machine that is off says so, and goes back or starts again", async () => {
  const { context, page, errors } = await booted(browser, { viewport: { width: 1280, height: 800 } });
  const off = page.locator(".halted");
  for (const way of ["back", "again"]) {
    await enter(page, "poweroff -f");
    await off.waitFor();
    assert.equal((await state(page)).halted, "true");
    await off.locator("button").nth(way === "back" ? 1 : 0).click();
    await off.waitFor({ state: "detached" });
    await shows(page, /~# *$/m);
    await enter(page, `echo ${way}`, new RegExp(`^${way}$`, "m"));
  }
  assert.deepEqual(errors, []);
  await context.close();
});
