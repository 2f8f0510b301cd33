// The scripted session of the `docker` command, typed in the tab. Its transcript is the real client's and daemon's
// (tests/session), so here it is enough that every command ends and leaves a shell that works.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { booted, enter, launch, root, screen } from "./harness.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

test("every command of the session ends in the tab", async () => {
  const text = await readFile(path.join(root, "tests/session/commands.txt"), "utf8");
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  assert.ok(lines.length >= 40);
  const { context, page, errors } = await booted(browser, { viewport: { width: 1440, height: 900 } });
  for (const [place, line] of lines.entries()) {
    await enter(page, `clear; ${line}`, undefined, 120_000, 1);
    // A second line, so that the first one's end is seen and not only waited for.
    await enter(page, `echo "end of" ${place}`, new RegExp(`^end of ${place}$`, "m"), 120_000, 1);
    assert.doesNotMatch(await screen(page), /panicked|not found$/m, line);
  }
  assert.deepEqual(errors, []);
  await context.close();
});
