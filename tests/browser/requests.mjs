// Prints, as JSON, which files the page requests before the first shell prompt, and
// whether a prompt was seen at all.
import { firstPrompt, launch, url } from "./harness.mjs";

const browser = await launch();
const page = await (await browser.newContext()).newPage();
const base = new URL("./", url).href;
const files = new Set();
page.context().on("request", (request) => {
  const address = request.url().split(/[?#]/)[0];
  if (address.startsWith(base)) files.add(address.slice(base.length) || "index.html");
});
await page.goto(url);
const prompt = await firstPrompt(page, 30_000).then(
  () => true,
  () => false,
);
await browser.close();
console.log(JSON.stringify({ prompt, files: [...files].sort() }));
