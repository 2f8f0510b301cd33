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
  assert.equal(await page.getByRole("dialog").count(), 1);
  await page.keyboard.press("Escape");
  assert.equal(await page.getByRole("dialog").count(), 0);
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
  for (const key of [...Array(30).fill("ArrowLeft"), ...Array(20).fill("ArrowRight")]) {
    await page.keyboard.press(key);
    moments.push(await moment(page));
  }
  for (let step = 1; step < 30; step += 1) assert.ok(moments[step] < moments[step - 1], `${moments}`);
  // On the way on, each moment is one that was passed on the way back.
  assert.deepEqual(moments.slice(30), moments.slice(9, 29).reverse());
  await context.close();
});
