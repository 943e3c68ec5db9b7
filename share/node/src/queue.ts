/**
 * What one side pushes and the other takes, in order.  It holds at most `limit`
 * items for a reader that is slow: then `merge` may join the newest two, and what
 * cannot be joined is left out, with a mark in its place.
 */
export class Queue<T> {
  #items: T[] = [];
  #head = 0;
  #over = false;
  #marked = false;
  #error: Error | undefined;
  #wake: (() => void)[] = [];

  constructor(
    readonly limit: number,
    readonly mark: T | undefined,
    readonly merge: (last: T, next: T) => T | undefined,
  ) {}

  push(item: T): void {
    if (this.#over) return;
    if (this.#items.length - this.#head < this.limit) {
      this.#marked = false;
      this.#items.push(item);
    } else if (!this.#merged(item) && !this.#marked) {
      this.#marked = true;
      if (this.mark !== undefined) this.#items.push(this.mark);
    }
    this.#rouse();
  }

  /** No more will come; the reader still gets what is there. */
  finish(error?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    this.#rouse();
  }

  /** The next item, or undefined at the end; an end with an error throws it. */
  async take(): Promise<T | undefined> {
    for (;;) {
      if (this.#head < this.#items.length) return this.#shift();
      if (this.#error) throw this.#error;
      if (this.#over) return undefined;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  #shift(): T {
    const item = this.#items[this.#head++] as T;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  #merged(item: T): boolean {
    const last = this.#items.length - 1;
    const joined = this.#marked ? undefined : this.merge(this.#items[last] as T, item);
    if (joined === undefined) return false;
    this.#items[last] = joined;
    return true;
  }

  #rouse(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}
