// The machine's thread: runs the wasm module in slices, between them hears and tells, takes checkpoints and keeps them.
//
// The page says first `{ start }`: nothing (go on from what is kept, or boot), `{ fresh }` (boot), or what a Worker
// before this one handed over (`{ successor }`). Undo and restart need another machine; a new Worker is the way to give
// its memory back to the browser. After that, buffers are messages of the protocol, and `{ heard }` says that the page
// has worked off a batch. A Worker that has handed over gives back what came since (`{ left }`) when it is told to
// `{ leave }`. Until the first buffer comes there is a terminal alone: it says what was `{ typed }` and how it
// is `{ sized }`, and is told what is `{ shown }`.
//
// The module may be split in two (crates/wasm-split): the first part has what runs until the prompt, the second one is
// fetched when the page has it (`{ prompted }`), or when the program comes to something that is in it.
import init, * as door from "./glassdock-js.js";
import { Checkpoints } from "./checkpoints.js";
import { Keeper } from "./keeper.js";

/** The module's two parts. */
const FIRST = "glassdock-js_bg.wasm";
const MORE = "glassdock-js_more.wasm";
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
/** What came for the terminal before there was a machine. */
const early = [];
let running = false;
let over = false;
/** Once another Worker is to go on: what came since. */
let left;
let memory;
let compiled;
let images;
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
/** Whether the page has its prompt. */
let prompted = false;
/** Whether the page is a terminal alone, and the position after the last output that it was told. */
let alone = true;
let shown = 0;
/** The instance of the module's first part, the second part, and whether its instance is there, or there is none. */
let first;
let second;
let whole = false;
/** The second part on its way. */
let fetching;

// A panic is told on the console before the module ends; the page shows the same words.
const { error } = console;
console.error = (...words) => {
  saidLast = words.join(" ");
  error(...words);
};

const soon = new MessageChannel();
soon.port2.onmessage = guarded(slice);

self.onmessage = (event) => (left ? leave(event.data) : hearing(event));

const hearing = guarded(({ data }) => {
  if (data.start) return begin(data.start);
  if (data.prompted) return fetchMore();
  if (data.heard) onTheWay -= 1;
  else if (data.typed || data.sized) early.push(data);
  else {
    alone = false;
    waiting.push(data);
  }
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
  const opening = Keeper.open();
  // What boots needs the images: they come while the module is compiled.
  opening.then((opened) => start.log || (opened.keeps && !start.fresh) || (images = fetchImages()));
  const [module, opened] = await Promise.all([start.compiled ?? compile(), opening]);
  compiled = module;
  const keeps = opened instanceof Keeper;
  if (keeps) keeper = opened;
  second ??= compiled.more;
  await instantiate();
  const way = start.log ? start : start.fresh ? undefined : keeper?.kept(compiled.build);
  // A Worker in another's place need not say again that nothing is kept.
  const notice = (way ? await goOn(way) : start.notice) ?? (keeps || start.compiled ? undefined : opened);
  if (over) return;
  if (!setup) await boot({ seed: crypto.getRandomValues(new Uint32Array(1))[0], millis: Date.now() });
  else show(true);
  const logged = door.logged();
  keep((keeper) => keeper.begin(compiled.build, setup, door.log(0, logged), logged, way?.checkpoint && way.session));
  if (notice) postMessage({ notice });
  waiting.unshift(...(start.waiting ?? []));
  running = true;
  slice();
}

/** The module and a digest of its bytes, by which a checkpoint knows whether it belongs to it. */
async function compile() {
  const answer = await fetched(FIRST);
  const bytes = await answer.arrayBuffer();
  const [module, digest] = await Promise.all([
    WebAssembly.compile(bytes),
    // Where there is no digest, nothing can be kept either: both need a secure context.
    crypto.subtle?.digest("SHA-256", bytes),
  ]);
  const build = digest ? Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("") : "";
  return { module, build };
}

async function instantiate() {
  // wasm-bindgen's glue instantiates the module and knows only the imports that it made.
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = (module, imports) => instantiate(module, { ...imports, split: { more: addMore } });
  try {
    first = await init({ module_or_path: compiled.module });
  } finally {
    WebAssembly.instantiate = instantiate;
  }
  memory = first.memory;
  whole = !WebAssembly.Module.imports(compiled.module).some(({ module }) => module === "split");
  if (prompted) fetchMore();
}

/** Fetches the second part, so that it is there when it is needed. */
function fetchMore() {
  prompted = true;
  if (!first || whole || second || fetching) return;
  fetching = fetched(MORE)
    .then((answer) => WebAssembly.compileStreaming(answer))
    .then((module) => {
      second = module;
      if (running) wake();
    });
  // Whoever needs it fetches it again, and tells what is wrong.
  fetching.catch(() => (fetching = undefined));
}

/** Adds the second part to the first, which waits: so what is not there yet is fetched while the thread stands still. */
function addMore() {
  if (whole) return;
  second ??= new WebAssembly.Module(fetchedNow(MORE));
  new WebAssembly.Instance(second, { primary: first });
  whole = true;
}

function fetchedNow(path) {
  const request = new XMLHttpRequest();
  request.open("GET", new URL(path, import.meta.url), false);
  request.responseType = "arraybuffer";
  request.send();
  if (request.status !== 200) throw new Error(`${path}: ${request.status} ${request.statusText}`);
  return request.response;
}

async function fetched(path) {
  const answer = await fetch(new URL(path, import.meta.url));
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
  return answer;
}

function fetchImages() {
  const image = async (name) => new Uint8Array(await (await fetched(`images/${name}`)).arrayBuffer());
  return Promise.all([image("host.tar.gz"), image("busybox.tar.gz")]);
}

async function boot(wanted) {
  const [host, busybox] = await (images ??= fetchImages());
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
  // Time that passes by itself would start the engine, so it waits for the engine's code.
  if (whole || second) door.clock(start);
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
  const unkept = keep((keeper) => keeper.append(door.logged(), door.log)) ?? LOOK;
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
  for (const { typed, sized } of early.splice(0)) {
    if (typed) door.typed(typed);
    else door.sized(...sized);
  }
  for (const buffer of waiting.splice(0)) {
    if (!door.send(new Uint8Array(buffer))) throw new Error("message");
    const wish = door.wish();
    if (wish === RESTART) return succeed({ fresh: true });
    if (wish !== NOTHING) return undo(wish);
  }
}

function tell() {
  if (alone) return show(false);
  while (onTheWay < BATCHES) {
    const bytes = door.take(BATCH);
    if (bytes.length === 0) return;
    onTheWay += 1;
    postMessage(bytes.buffer, [bytes.buffer]);
  }
}

/** Tells the terminal what is new; `old` is what another page has shown before. */
function show(old) {
  const end = door.written();
  if (end === shown) return;
  const bytes = door.shown(shown);
  shown = end;
  postMessage({ shown: bytes.buffer, end, old }, [bytes.buffer]);
}

/** Nothing to do for so many milliseconds (negative: until input): time for checkpoints. */
function rest(pace, now, unkept) {
  if (alone && !rested) postMessage({ rests: true });
  rested ||= now;
  let wait = pace >= 0 ? Math.min(pace, unkept) : unkept;
  const wanted = !door.typing() && door.entered() !== lines;
  if (wanted && now - rested >= REST) take();
  else if (wanted) wait = Math.min(wait, REST);
  if (keep((keeper) => keeper.step(checkpoints))) wait = 0;
  timer = setTimeout(guarded(slice), wait);
}

function take() {
  lines = door.entered();
  turns = 0;
  keep((keeper) => keeper.append(door.logged(), door.log, true));
  const changed = checkpoints.take(memory.buffer, door.logged());
  keep((keeper) => keeper.changed(changed, checkpoints.length, checkpoints.mark));
}

/** Lets the keeper do something, if there is one. Where the browser gives it no more room, nothing is kept from then on. */
function keep(work) {
  if (!keeper) return undefined;
  try {
    return work(keeper);
  } catch (failure) {
    error(failure);
    keeper.close();
    keeper = undefined;
    postMessage({ notice: "notice.full" });
    return undefined;
  }
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
  const successor = { ...start, compiled: { ...compiled, more: second }, waiting: waiting.splice(0) };
  left = [];
  postMessage({ successor }, Checkpoints.buffers(start.image));
}

/** Keeps what comes for the Worker that goes on, and gives it back when the page asks. */
function leave(data) {
  if (data.leave) postMessage({ left });
  // That the page has worked off a batch is of this Worker's batches.
  else if (!data.heard) left.push(data);
}
