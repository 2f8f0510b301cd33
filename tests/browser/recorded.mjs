// The page with a recorded machine: its Worker is replaced by one that says what
// `cargo run -p glassdock-playground --features fixture --example recorded` wrote to GLASSDOCK_RECORDED.
import { readFile } from "node:fs/promises";
import { url } from "./harness.mjs";

/** Opens the page with the recorded machine. */
export async function openRecorded(browser, options = {}) {
  const recorded = await readFile(process.env.GLASSDOCK_RECORDED);
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  const body = `
    const bytes = Uint8Array.from(atob("${recorded.toString("base64")}"), (letter) => letter.charCodeAt(0));
    let said = false;
    onmessage = () => { if (!said) { said = true; postMessage(bytes.buffer, [bytes.buffer]); } };`;
  await page.route("**/worker.js", (route) => route.fulfill({ contentType: "text/javascript", body }));
  await page.goto(url);
  await page.waitForSelector(".rows .row", { state: "attached" });
  return { context, page, errors };
}
