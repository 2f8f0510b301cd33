// What a line typed at the page's terminal costs: until its last words are on the screen, and of processor time.
import { readFile, readdir } from "node:fs/promises";
import { rests } from "../browser/harness.mjs";

/** How Linux names a Worker's thread of Chromium: no more than 15 characters of it. */
const WORKER = "DedicatedWorker";

/** Writes a line for `cargo xtask bench`. */
export const say = (line) => console.log(JSON.stringify(line));

/** The loop of the shell that runs a program so many times. */
export const loop = (program, times) => `i=0; while [ $i -lt ${times} ]; do ${program} 2>/dev/null; i=$((i+1)); done`;

/** Milliseconds of processor time of a process's Workers (`man 5 proc_pid_schedstat`: nanoseconds come first). */
async function ofWorkers(pid) {
  let nanos = 0;
  for (const task of await readdir(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${task}`;
    if (!(await readFile(`${folder}/comm`, "utf8")).startsWith(WORKER)) continue;
    nanos += Number((await readFile(`${folder}/schedstat`, "utf8")).split(" ")[0]);
  }
  return nanos / 1e6;
}

/**
 * Gives a function that types a line and gives `took`, milliseconds until its last words are on the screen; `spent`, of
 * processor time of the page's process with all its threads, and `worker`, of the machine's; and `instructions`.
 */
export async function stopwatch(browser, page) {
  const processes = await browser.newBrowserCDPSession();
  const renderers = async () => {
    const { processInfo } = await processes.send("SystemInfo.getProcessInfo");
    return processInfo.filter(({ type }) => type === "renderer");
  };
  const spent = async () => {
    const now = { spent: 0, worker: 0 };
    for (const { id, cpuTime } of await renderers()) {
      now.spent += cpuTime * 1e3;
      now.worker += await ofWorkers(id);
    }
    return now;
  };
  let lines = 0;
  return async (line) => {
    lines += 1;
    await page.evaluate(() => document.querySelector(".xterm-helper-textarea").focus());
    await page.keyboard.type(`clear; ${line}; echo o''ver ${lines}`);
    const before = await rests(page);
    const start = await spent();
    const took = await page.evaluate(untilShown, `over ${lines}`);
    const end = await spent();
    const after = await rests(page, 240_000);
    return {
      took,
      spent: end.spent - start.spent,
      worker: end.worker - start.worker,
      instructions: Number(after.instructions) - Number(before.instructions),
    };
  };
}

/** In the page: presses Enter, and waits for the words. */
async function untilShown(words) {
  const ended = () =>
    Array.from(document.querySelectorAll(".xterm-rows > div")).some((row) => row.textContent.trim() === words);
  const start = performance.now();
  const terminal = document.querySelector(".xterm-helper-textarea");
  terminal.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", keyCode: 13, bubbles: true }));
  while (!ended()) await new Promise((done) => setTimeout(done, 1));
  return performance.now() - start;
}
