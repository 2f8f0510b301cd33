// What outlives the page: the input log, and the newest checkpoint, in the browser's private file system.
//
// Two slots take turns, and a slot's head is written last: a tab that is closed in the middle leaves the other slot
// whole. Where there is no such file system (third-party frames, other tabs of this page that have it), everything
// works and nothing is kept.
import { PAGE } from "./checkpoints.js";

/** Changes with the layout of the files or of the log's records. */
const FORMAT = 1;
/** Bytes before the content of each file: what it is, as JSON. */
const HEAD = 4096;
/** Bytes written at once between two slices. */
const PIECE = 2 * 1024 * 1024;
/** Milliseconds between two writes of the log. */
const PAUSE = 200;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Keeper {
  #log;
  #slots;
  #build = "";
  #session = "";
  #logged = 0;
  #logEnd = HEAD;
  #wrote = 0;
  #generation = 0;
  /** The slot that is being written: its number, the pages that are left. */
  #writing = undefined;
  #wanted = undefined;

  /** The keeper, or the notice of why there is none. */
  static async open() {
    try {
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle("glassdock", { create: true });
      const handles = [];
      for (const name of ["log", "slot-0", "slot-1"]) {
        const file = await folder.getFileHandle(name, { create: true });
        handles.push(await handleOf(file));
      }
      return new Keeper(...handles);
    } catch (failure) {
      // What another tab has open cannot be opened.
      return failure?.name === "NoModificationAllowedError" ? "notice.second" : "notice.unkept";
    }
  }

  constructor(log, ...slots) {
    this.#log = log;
    // What a slot holds of another Worker's time is not known page by page: the first checkpoint is written whole.
    this.#slots = slots.map((handle) => ({ handle, head: readHead(handle), dirty: new Set(), whole: true }));
  }

  /** Whether there is something to go on from. */
  get keeps() {
    return Boolean(readHead(this.#log)?.setup);
  }

  /** What to go on from: `{ build, setup, log, checkpoint }`, or nothing. */
  kept(build) {
    const head = readHead(this.#log);
    if (!head?.setup) return undefined;
    const log = new Uint8Array(this.#log.getSize() - HEAD);
    this.#log.read(log, { at: HEAD });
    const fits = ({ head: slot }) => slot?.build === build && slot.session === head.session;
    const newest = this.#slots.filter(fits).sort((a, b) => b.head.generation - a.head.generation)[0];
    const checkpoint = newest && {
      length: newest.head.length,
      copyTo: (memory) => newest.handle.read(memory, { at: HEAD }),
    };
    return { build: head.build, setup: head.setup, session: head.session, log, checkpoint };
  }

  /** From now on this machine is what is kept. A session that goes on keeps its checkpoints. */
  begin(build, setup, log, logged, session) {
    this.#build = build;
    this.#session = session ?? crypto.randomUUID();
    for (const slot of this.#slots) {
      if (slot.head?.session === this.#session && slot.head.build === build) {
        slot.generation = slot.head.generation;
        this.#generation = Math.max(this.#generation, slot.generation);
      } else {
        writeHead(slot.handle, {});
        slot.handle.flush();
      }
    }
    this.#log.write(log, { at: HEAD });
    this.#log.truncate(HEAD + log.length);
    writeHead(this.#log, { format: FORMAT, build, setup, session: this.#session });
    this.#log.flush();
    this.#logged = logged;
    this.#logEnd = HEAD + log.length;
  }

  /** Writes the records that are new, now and then, or at once; `log(from, to)` gives them. Gives the milliseconds until
   *  it wants to be asked again, if it does. */
  append(logged, log, atOnce = false) {
    if (logged === this.#logged) return undefined;
    const wait = this.#wrote + PAUSE - performance.now();
    if (!atOnce && wait > 0) return wait;
    const bytes = log(this.#logged, logged);
    try {
      this.#log.write(bytes, { at: this.#logEnd });
      this.#log.flush();
    } catch (failure) {
      // Half a record would make all before it unreadable.
      this.#log.truncate(this.#logEnd);
      throw failure;
    }
    this.#logEnd += bytes.length;
    this.#logged = logged;
    this.#wrote = performance.now();
    return undefined;
  }

  /** There is a newer checkpoint: `pages` changed since the one before. */
  changed(pages, length, mark) {
    for (const slot of this.#slots) for (const page of pages) slot.dirty.add(page);
    this.#wanted = { length, mark };
    this.#writing = undefined;
  }

  /** Writes a piece of the newest checkpoint. Whether there is more to write. */
  step(checkpoints) {
    if (!this.#wanted) return false;
    this.#writing ??= this.#choose(checkpoints);
    const { slot, pages } = this.#writing;
    let left = PIECE / PAGE;
    while (left > 0 && this.#writing.next < pages.length) {
      const first = pages[this.#writing.next];
      let count = 1;
      while (count < left && pages[this.#writing.next + count] === first + count) count += 1;
      slot.handle.write(checkpoints.bytes(first, count), { at: HEAD + first * PAGE });
      this.#writing.next += count;
      left -= count;
    }
    if (this.#writing.next < pages.length) return true;
    this.#finish();
    return false;
  }

  /** The slot with the older checkpoint; it counts for nothing until it is whole. */
  #choose(checkpoints) {
    const [slot] = [...this.#slots].sort((a, b) => (a.generation ?? 0) - (b.generation ?? 0));
    writeHead(slot.handle, {});
    slot.handle.flush();
    const pages = slot.whole
      ? Uint32Array.from({ length: checkpoints.length / PAGE }, (_, page) => page)
      : Uint32Array.from(slot.dirty).sort();
    return { slot, pages, next: 0 };
  }

  #finish() {
    const { slot } = this.#writing;
    this.#generation += 1;
    slot.generation = this.#generation;
    slot.dirty.clear();
    slot.whole = false;
    slot.handle.flush();
    const { length, mark } = this.#wanted;
    const generation = this.#generation;
    writeHead(slot.handle, { format: FORMAT, build: this.#build, session: this.#session, generation, length, mark });
    slot.handle.flush();
    this.#writing = undefined;
    this.#wanted = undefined;
  }

  close() {
    for (const handle of [this.#log, ...this.#slots.map((slot) => slot.handle)]) handle.close();
  }
}

/** A Worker that has just ended may still hold the file for a moment. */
async function handleOf(file) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await file.createSyncAccessHandle();
    } catch (failure) {
      if (tries === 10) throw failure;
      await new Promise((done) => setTimeout(done, 20));
    }
  }
}

function readHead(handle) {
  const bytes = new Uint8Array(HEAD);
  handle.read(bytes, { at: 0 });
  try {
    const head = JSON.parse(decoder.decode(bytes.subarray(0, bytes.indexOf(0))));
    return head.format === FORMAT ? head : undefined;
  } catch {
    return undefined;
  }
}

function writeHead(handle, head) {
  const bytes = new Uint8Array(HEAD);
  encoder.encodeInto(JSON.stringify(head), bytes);
  handle.write(bytes, { at: 0 });
}
