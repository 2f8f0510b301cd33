// How long a person waits in the page: for the first prompt, for a container, for a step back in time.
import { booted, enter, launch, open, firstPrompt, rests } from "../browser/harness.mjs";
import { loop, say, stopwatch } from "./timing.mjs";

const BOOTS = 7;
/** Containers that one loop of the shell runs, and how often the loop is run. */
const CONTAINERS = 20;
const LOOPS = 5;
/** Events before steps are timed. */
const EVENTS = 100_000;
const STEPS = 60;

const figure = (row, column, value) => say({ row, column, value });
const quantile = (values, part) => values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * part)];
const figures = (row, values) => {
  figure(row, "median, ms", quantile(values, 0.5));
  figure(row, "least, ms", quantile(values, 0));
  figure(row, "most, ms", quantile(values, 1));
};

say({ about: "The page in headless Chromium, served from this machine." });
const browser = await launch();

// A fresh profile each time: nothing is in its cache, nothing compiled.
const boots = [];
for (let boot = 0; boot < BOOTS; boot += 1) {
  const { context, page } = await open(browser);
  await firstPrompt(page);
  boots.push(await page.evaluate(() => performance.getEntriesByName("glassdock:prompt")[0].startTime));
  await context.close();
}
figures("from an empty cache to the prompt", boots);

const { context, page } = await booted(browser, { viewport: { width: 1440, height: 900 } });
await rests(page);

const timed = await stopwatch(browser, page);

/** Runs a program in loops; gives what one turn took in each, the machine's thread and what it interpreted. */
async function turns(program) {
  await timed(loop(program, CONTAINERS));
  const loops = [];
  for (let at = 0; at < LOOPS; at += 1) loops.push(await timed(loop(program, CONTAINERS)));
  const each = (what, unit = 1) => loops.map((all) => all[what] / CONTAINERS / unit);
  figures(program, each("took"));
  figure(program, "machine's thread, ms", Math.min(...each("worker")));
  figure(program, "M instructions", quantile(each("instructions", 1e6), 0.5));
}

await turns("docker run --rm busybox true");
await turns("busybox true");

while (Number((await rests(page)).events) < EVENTS) {
  await enter(page, loop("cat /etc/passwd | wc -l > /dev/null", 200), undefined, 240_000);
}
await page.keyboard.press("F6");
const steps = await page.evaluate(async (count) => {
  const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const shown = () => document.querySelector("#track").getAttribute("aria-valuenow");
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const turn = () => {
    const { port1, port2 } = new MessageChannel();
    return new Promise((done) => {
      port2.onmessage = done;
      port1.postMessage(0);
    });
  };
  const times = [];
  for (let step = 0; step < count; step += 1) {
    const before = shown();
    const start = performance.now();
    press(step < count / 2 ? "ArrowLeft" : "ArrowRight");
    // What the interface drew is there when the value is another; it may take a turn of the page's loop.
    while (shown() === before && performance.now() - start < 1000) await turn();
    // Styles and layout belong to what a person waits for.
    document.body.getBoundingClientRect();
    times.push(performance.now() - start);
    await frame();
  }
  return times;
}, STEPS);
figures(`a step back or on, with ${EVENTS / 1000},000 events`, steps);
say({
  note: `The first row is of ${BOOTS} fresh profiles, from the navigation's start to the prompt on the screen. Containers are run in a loop of the shell, ${CONTAINERS} at a time, and include what the page draws meanwhile; the machine's thread is the processor time of its Worker, in the quickest loop. Both rows interpret the same program, so that the difference of the two is what a container costs beyond it. Steps are ${STEPS / 2} back and ${STEPS / 2} on, with layout, without painting.`,
});
await context.close();
await browser.close();
