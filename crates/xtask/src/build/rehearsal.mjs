// Boots the instrumented machine as the page does, up to the prompt and a little further, and writes down which of its
// functions were entered: `node rehearsal.mjs GLUE MODULE FOLDER-OF-IMAGES PROFILE`.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [glue, file, images, profile] = process.argv.slice(2);
/** What a terminal answers to the shell's question where the cursor is, and to what it is. */
const ANSWERS = ["\x1b[7;19R", "\x1b[?1;2c"];
/** What a learner types first need not wait for the second part: some keys, some commands. */
const KEYS = [...ANSWERS, "x\x7f", "\t\t", "sleep 9\r", "\x03", "\x1b[A", "\x03", "\x1b[D"];
const LINES = ["ls -l /", "ps", "cat /etc/passwd | grep root", "cd /tmp; echo $((6 * 7)) > x; cat x; rm x; cd"];
/** The messages of a page (playground::protocol): hello with the version, from the first event on; a terminal's new
 * size; typed bytes. */
const HELLO = [0, 3, 0, 0];
const SIZE = [2, 0, 24, 100];
const TYPED = [1, 0, 2, 0x20, 0x7f];
const BATCH = 256 * 1024;
/** Bytes of events that the machine's start has at least. */
const START = 32 * 1024;
const BUSY = -1;

const module = new WebAssembly.Module(readFileSync(file));
const door = await import(pathToFileURL(glue).href);
const machine = await door.default({ module_or_path: module });
const image = (name) => new Uint8Array(readFileSync(`${images}/${name}`));

door.boot(image("host.tar.gz"), image("busybox.tar.gz"), 1, 1_700_000_000_000);
door.sized(30, 90);
settle();
if (!new TextDecoder().decode(door.shown(0)).includes("# ")) throw new Error("the machine shows no prompt");
// A terminal alone, before there is an interface that says hello, and then the same with one.
typeAll();
door.send(new Uint8Array([...HELLO, ...SIZE, ...TYPED]));
// Whoever says hello with another version is told nothing, and what tells would be missing in the first part.
if (settle() < START) throw new Error("the machine does not tell its events: is HELLO of the protocol's version?");
typeAll();
// Checkpoints and the log are taken between slices.
for (const ask of [door.logged, door.entered, door.typing, door.untold, door.wish, door.hash, door.written]) ask();
door.log(0, door.logged());

const functions = machine.functions.value;
const entered = new Uint8Array(machine.memory.buffer, machine.profile.value, functions);
writeFileSync(profile, entered);

function typeAll() {
  for (const keys of [...KEYS, ...LINES.map((line) => `${line}\r`)]) {
    door.typed(new TextEncoder().encode(keys));
    settle();
  }
}

/** Until there is nothing to do but wait; gives how many bytes were told. Time that passes by itself would start the
 * engine, so none does. */
function settle() {
  let told = 0;
  const take = () => {
    for (let bytes = door.take(BATCH); bytes.length > 0; bytes = door.take(BATCH)) told += bytes.length;
  };
  while (door.turn() === BUSY) take();
  take();
  return told;
}
