// Copies of the machine's memory: the newest whole, older ones as the pages in which they differ from the next newer.

/** Bytes of a page, and its 32-bit words. */
export const PAGE = 4096;
const WORDS = PAGE / 4;
/** Bytes that older copies may take, and how many there may be. */
const OLDER_BYTES = 96 * 1024 * 1024;
const OLDER = 500;

export class Checkpoints {
  /** The newest copy; room beyond `length` bytes is zero. */
  #words = new Int32Array(0);
  /** What leads back from each copy to the one before it, oldest first. */
  #older = [];
  #olderBytes = 0;
  length = 0;
  /** Records of the log before the newest copy; undefined where there is none. */
  mark = undefined;

  /** From what `rewind` gave. */
  constructor(image) {
    if (!image) return;
    this.#words = new Int32Array(image.words);
    this.#older = image.older.map(({ mark, length, pages, words }) => ({
      mark,
      length,
      pages: new Uint32Array(pages),
      words: new Int32Array(words),
    }));
    this.#olderBytes = this.#older.reduce((sum, step) => sum + step.words.byteLength, 0);
    this.length = image.length;
    this.mark = image.mark;
  }

  /** Copies the memory. Gives the numbers of the pages in which it differs from the newest copy so far. */
  take(buffer, mark) {
    const now = new Int32Array(buffer);
    this.#makeRoom(now.length);
    const old = this.#words;
    const changed = [];
    for (let from = 0; from < now.length; from += WORDS) {
      const end = from + WORDS;
      let at = from;
      while (at < end && now[at] === old[at]) at += 1;
      if (at < end) changed.push(from / WORDS);
    }
    const pages = Uint32Array.from(changed);
    if (this.mark !== undefined) this.#push(pages);
    for (const page of pages) old.set(now.subarray(page * WORDS, (page + 1) * WORDS), page * WORDS);
    this.length = buffer.byteLength;
    this.mark = mark;
    return pages;
  }

  #makeRoom(words) {
    if (words <= this.#words.length) return;
    const larger = new Int32Array(words);
    larger.set(this.#words);
    this.#words = larger;
  }

  #push(pages) {
    const words = new Int32Array(pages.length * WORDS);
    pages.forEach((page, place) => {
      words.set(this.#words.subarray(page * WORDS, (page + 1) * WORDS), place * WORDS);
    });
    this.#older.push({ mark: this.mark, length: this.length, pages, words });
    this.#olderBytes += words.byteLength;
    while (this.#older.length > OLDER || this.#olderBytes > OLDER_BYTES) {
      this.#olderBytes -= this.#older.shift().words.byteLength;
    }
  }

  /** Makes the newest copy at or before a record of the log the newest of all, and hands all over to another Worker's
   *  `Checkpoints`; undefined where no copy is that old. */
  rewind(record) {
    if (this.mark === undefined) return undefined;
    while (this.mark > record) {
      const step = this.#older.pop();
      if (!step) return undefined;
      step.pages.forEach((page, place) => {
        this.#words.set(step.words.subarray(place * WORDS, (place + 1) * WORDS), page * WORDS);
      });
      this.mark = step.mark;
      this.length = step.length;
    }
    const older = this.#older.map(({ mark, length, pages, words }) => ({
      mark,
      length,
      pages: pages.buffer,
      words: words.buffer,
    }));
    return { words: this.#words.buffer, length: this.length, mark: this.mark, older };
  }

  /** The buffers in what `rewind` gave, to be moved instead of copied. */
  static buffers(image) {
    if (!image) return [];
    return [image.words, ...image.older.flatMap(({ pages, words }) => [pages, words])];
  }

  /** Copies the newest copy into a memory of `length` bytes. */
  copyTo(memory) {
    memory.set(new Uint8Array(this.#words.buffer, 0, this.length));
  }

  /** The bytes of some pages of the newest copy. */
  bytes(page, pages) {
    return new Uint8Array(this.#words.buffer, page * PAGE, pages * PAGE);
  }
}
