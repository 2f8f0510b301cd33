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
