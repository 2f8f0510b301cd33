// How fast the interpreter is in the page, under the programs that also measure it natively.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { booted, launch, rests, root } from "../browser/harness.mjs";
import { say, stopwatch } from "./timing.mjs";

/** Runs of each program; the quickest counts. */
const RUNS = 2;

const table = await readFile(path.join(root, "tests/bench/interpreter.tsv"), "utf8");
const programs = table
  .split("\n")
  .filter((line) => line && !line.startsWith("#"))
  .map((line) => line.split("\t"));

const browser = await launch();
const { context, page } = await booted(browser, { viewport: { width: 1440, height: 900 } });
await rests(page);

const timed = await stopwatch(browser, page);

say({ about: "Programs of busybox in the page, in headless Chromium: at the terminal, with all that the page does meanwhile." });
const [[, text], ...measured] = programs;
await timed(`cd /tmp; ${text}`);
const speeds = [];
for (const [name, script] of measured) {
  let best = { spent: Infinity };
  for (let run = 0; run < RUNS; run += 1) {
    const now = await timed(script);
    if (now.spent < best.spent) best = now;
  }
  const speed = best.instructions / best.spent / 1e3;
  say({ row: name, column: "M instructions", value: best.instructions / 1e6 });
  say({ row: name, column: "processor, ms", value: best.spent });
  say({ row: name, column: "to the screen, ms", value: best.took });
  say({ row: name, column: "M instructions/s", value: speed });
  if (name !== "processes") speeds.push(speed);
}
const mean = Math.exp(speeds.reduce((sum, speed) => sum + Math.log(speed), 0) / speeds.length);
say({ row: "**geometric mean**", column: "M instructions/s", value: mean });
say({
  note: `The quickest of ${RUNS} runs. Speeds are of the processor time of the page's process, with all its threads and what the page draws meanwhile, so that other programs on the machine disturb little; the last column is what a person waits, from the Enter key to the last line on the screen. The mean is of all but the last row, which starts 300 processes.`,
});
await context.close();
await browser.close();
