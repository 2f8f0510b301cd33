// Prints, as JSON, which files the page requests before the first shell prompt is on the screen and which ones after it,
// and whether a prompt was seen at all.
import { firstPrompt, launch, rests, url } from "./harness.mjs";

const browser = await launch();
const page = await (await browser.newContext()).newPage();
const base = new URL("./", url).href;
const requests = [];
page.context().on("request", (request) => requests.push({ request, seen: Date.now() }));
await page.goto(url);
const prompt = await firstPrompt(page, 30_000).then(
  () => page.evaluate(() => performance.timeOrigin + performance.getEntriesByName("glassdock:prompt")[0].startTime),
  () => undefined,
);
// By then the page has all that it asks for by itself.
if (prompt) await rests(page);
const before = new Set();
const after = new Set();
for (const { request, seen } of requests) {
  const address = request.url().split(/[?#]/)[0];
  if (!address.startsWith(base)) continue;
  // Where the browser does not say when it began, it was not after it was heard of.
  const { startTime } = request.timing();
  const began = startTime > 0 ? startTime : seen;
  const part = !prompt || began < prompt ? before : after;
  part.add(address.slice(base.length) || "index.html");
}
await browser.close();
const names = (files) => [...files].sort();
console.log(JSON.stringify({ prompt: Boolean(prompt), before: names(before), after: names(after) }));
