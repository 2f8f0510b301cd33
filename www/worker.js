// The machine's thread: runs the wasm module in slices, between them hears and tells, takes checkpoints and keeps them.
//
// The page says first `{ start }`: nothing (go on from what is kept, or boot), `{ fresh }` (boot), or what a Worker
// before this one handed over (`{ successor }`). Undo and restart need another machine; a new Worker is the way to give
// its memory back to the browser. After that, buffers are messages of the protocol, and `{ heard }` says that the page
// has worked off a batch.
import init, * as door from "./glassdock-js.js";
import { Checkpoints } from "./checkpoints.js";
import { Keeper } from "./keeper.js";

/** Milliseconds that the machine runs before the thread looks at its messages. */
const SLICE = 8;
/** Bytes of events in one batch, and how many batches may be on their way to the page. */
const BATCH = 256 * 1024;
const BATCHES = 3;
/** The machine waits for the page when so many events were not told yet. */
const UNTOLD = 100_000;
/** Milliseconds of rest before a checkpoint is taken. */
const REST = 120;
/** Turns after which one is taken at work. */
const TURNS = 3000;
/** Milliseconds between two looks at the clock while nothing happens. */
const LOOK = 1000;
/** What `turn` and `wish` answer with. */
const BUSY = -1;
const RESTART = -1;
const NOTHING = -2;

const waiting = [];
let running = false;
let over = false;
let memory;
let compiled;
let setup;
let keeper;
let checkpoints = new Checkpoints();
let onTheWay = 0;
let turns = 0;
/** Lines that had been entered when the last checkpoint was taken, since when the machine rests. */
let lines = -1;
let rested = 0;
let timer;
let saidLast = "";

// A panic is told on the console before the module ends; the page shows the same words.
const { error } = console;
console.error = (...words) => {
  saidLast = words.join(" ");
  error(...words);
};

const soon = new MessageChannel();
soon.port2.onmessage = guarded(slice);

self.onmessage = guarded(({ data }) => {
  if (data.start) return begin(data.start);
  if (data.heard) onTheWay -= 1;
  else waiting.push(data);
  if (running) wake();
});

/** The function, with whatever it throws told to the page as what keeps the machine from running. */
function guarded(work) {
  return async (...args) => {
    if (over) return;
    try {
      await work(...args);
    } catch (failure) {
      over = true;
      keeper?.close();
      postMessage({ failed: saidLast || String(failure?.message ?? failure) });
    }
  };
}

// ---------------------------------------------------------------- beginning

async function begin(start) {
  const [given, opened] = await Promise.all([start.compiled ?? compile(), Keeper.open()]);
  compiled = given;
  keeper = opened;
  memory = (await init({ module_or_path: compiled.module })).memory;
  const way = start.log ? start : start.fresh ? undefined : keeper?.kept(compiled.build);
  const notice = way ? await goOn(way) : start.notice;
  if (over) return;
  if (!setup) await boot({ seed: crypto.getRandomValues(new Uint32Array(1))[0], millis: Date.now() });
  const logged = door.logged();
  keeper?.begin(compiled.build, setup, door.log(0, logged), logged, way?.checkpoint && way.session);
  if (notice) postMessage({ notice });
  waiting.unshift(...(start.waiting ?? []));
  running = true;
  slice();
}

/** The module and a digest of its bytes, by which a checkpoint knows whether it belongs to it. */
async function compile() {
  const answer = await fetched("glassdock-js_bg.wasm");
  const bytes = await answer.arrayBuffer();
  const [module, digest] = await Promise.all([
    WebAssembly.compile(bytes),
    // Where there is no digest, nothing can be kept either: both need a secure context.
    crypto.subtle?.digest("SHA-256", bytes),
  ]);
  const build = digest ? Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("") : "";
  return { module, build };
}

async function fetched(path) {
  const answer = await fetch(new URL(path, import.meta.url));
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
  return answer;
}

async function boot(wanted) {
  const image = async (name) => new Uint8Array(await (await fetched(`images/${name}`)).arrayBuffer());
  const [host, busybox] = await Promise.all([image("host.tar.gz"), image("busybox.tar.gz")]);
  door.boot(host, busybox, wanted.seed, wanted.millis);
  setup = wanted;
}

/** From a checkpoint where one fits, else from the start, through the log. Gives what the page is to be told. */
async function goOn(way) {
  const exact = way.build === compiled.build;
  try {
    if (way.image) checkpoints = new Checkpoints(way.image);
    if (exact && (way.image || way.checkpoint)) restore(way.image ? checkpoints : way.checkpoint);
    else await boot(way.setup);
    setup = way.setup;
    await lead(way.log);
  } catch (failure) {
    // The instance is half-way between two machines: a Worker with a new one goes on.
    if (way.last) succeed({ fresh: true, notice: "notice.lost" });
    else succeed({ build: "", setup: way.setup, log: way.log, last: true });
    error(failure);
    return undefined;
  }
  if (way.last || !exact) return "notice.replayed";
  return way.undone ? undefined : "notice.continued";
}

/** Puts a checkpoint into the memory of an instance that has done nothing yet. */
function restore(checkpoint) {
  const missing = checkpoint.length - memory.buffer.byteLength;
  if (missing > 0) memory.grow(missing / 65536);
  checkpoint.copyTo(new Uint8Array(memory.buffer, 0, checkpoint.length));
}

/** Leads the machine through the log, and tells the page how far it is. */
async function lead(log) {
  door.lead(log);
  let told = performance.now();
  for (;;) {
    const progress = door.replay();
    if (progress.length === 0) return;
    if (performance.now() - told > 100) {
      told = performance.now();
      postMessage(progress.buffer, [progress.buffer]);
      await new Promise((done) => setTimeout(done));
    }
  }
}

// ---------------------------------------------------------------- running

function wake() {
  clearTimeout(timer);
  timer = undefined;
  soon.port1.postMessage(0);
}

function slice() {
  if (over) return;
  clearTimeout(timer);
  const start = performance.now();
  door.clock(start);
  hear();
  if (over) return;
  let pace = BUSY;
  if (onTheWay < BATCHES || door.untold() < UNTOLD) {
    do {
      pace = door.turn();
      turns += 1;
    } while (pace === BUSY && performance.now() < start + SLICE);
  }
  tell();
  const unkept = keeper?.append(door.logged(), door.log) ?? LOOK;
  if (turns > TURNS) take();
  if (pace === BUSY) {
    rested = 0;
    // Where the page is behind, its word that it has worked off a batch wakes the machine.
    if (onTheWay < BATCHES || door.untold() < UNTOLD) soon.port1.postMessage(0);
    return;
  }
  rest(pace, start, unkept);
}

function hear() {
  for (const buffer of waiting.splice(0)) {
    if (!door.send(new Uint8Array(buffer))) throw new Error("message");
    const wish = door.wish();
    if (wish === RESTART) return succeed({ fresh: true });
    if (wish !== NOTHING) return undo(wish);
  }
}

function tell() {
  while (onTheWay < BATCHES) {
    const bytes = door.take(BATCH);
    if (bytes.length === 0) return;
    onTheWay += 1;
    postMessage(bytes.buffer, [bytes.buffer]);
  }
}

/** Nothing to do for so many milliseconds (negative: until input): time for checkpoints. */
function rest(pace, now, unkept) {
  rested ||= now;
  let wait = pace >= 0 ? Math.min(pace, unkept) : unkept;
  const wanted = !door.typing() && door.entered() !== lines;
  if (wanted && now - rested >= REST) take();
  else if (wanted) wait = Math.min(wait, REST);
  if (keeper?.step(checkpoints)) wait = 0;
  timer = setTimeout(guarded(slice), wait);
}

function take() {
  lines = door.entered();
  turns = 0;
  keeper?.append(door.logged(), door.log, true);
  const changed = checkpoints.take(memory.buffer, door.logged());
  keeper?.changed(changed, checkpoints.length, checkpoints.mark);
}

// ---------------------------------------------------------------- another machine instead

function undo(record) {
  const log = door.log(0, record);
  const image = checkpoints.rewind(record);
  succeed({ build: compiled.build, setup, log, image, undone: true });
}

/** Ends this Worker: the page starts another one with this. */
function succeed(start) {
  over = true;
  clearTimeout(timer);
  keeper?.close();
  const successor = { ...start, compiled, waiting: waiting.splice(0) };
  postMessage({ successor }, Checkpoints.buffers(start.image));
}
