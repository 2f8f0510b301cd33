// The machine's thread: loads the wasm module, then hands it every message.
import init, { version } from "./glassdock-js.js";

await init();
postMessage({ type: "version", version: version() });
