import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open } from "./harness.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

test("the page starts without an error in the console", async () => {
  const { context, page, errors } = await open(browser);
  await page.waitForLoadState("networkidle");
  assert.equal(await page.title(), "Glassdock");
  assert.deepEqual(errors, []);
  await context.close();
});

test("the page works from a folder of a server, as all its addresses are relative", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const outside = [];
  const base = new URL("./", process.env.GLASSDOCK_URL ?? "http://127.0.0.1:8080/");
  page.on("request", (request) => {
    const absolute = new URL(request.url());
    if (absolute.protocol.startsWith("http") && absolute.origin !== base.origin) {
      outside.push(request.url());
    }
  });
  // The same site one folder down: every request must follow it there.
  await page.route(new URL("deep/down/**", base).href, async (route) => {
    const inner = route.request().url().replace("deep/down/", "");
    await route.fulfill({ response: await route.fetch({ url: inner }) });
  });
  const missing = [];
  page.on("requestfinished", (request) => {
    if (!request.url().includes("/deep/down/") && request.url().startsWith("http")) {
      missing.push(request.url());
    }
  });
  await page.goto(new URL("deep/down/", base).href);
  await page.waitForLoadState("networkidle");
  assert.deepEqual({ outside, missing }, { outside: [], missing: [] });
  await context.close();
});
