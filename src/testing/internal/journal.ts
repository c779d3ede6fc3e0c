// A sandbox may run for as long as its process. The journal keeps enough for a test that looks back.
const maxEntries = 10_000

/** A list that keeps the latest 10,000 entries and counts all. */
export class Journal<Entry extends object> {
  readonly #entries: Array<Entry> = []
  #count = 0

  /** Adds an entry, which its owner may still change, and returns its number. The first has the number 1. */
  add(entry: Entry): number {
    if (this.#entries.push(entry) > maxEntries) this.#entries.shift()
    return ++this.#count
  }

  get count(): number {
    return this.#count
  }

  /** Copies of the latest entries, in order. */
  get entries(): ReadonlyArray<Readonly<Entry>> {
    return this.#entries.map((entry) => ({ ...entry }))
  }
}
