/** A queue with removal from any place in constant time. A `Set` is slow to take the first of many from. */
export class WaitQueue<A extends Linked<A>> {
  first: A | undefined
  last: A | undefined
  size = 0

  add(item: A): void {
    item.previous = this.last
    if (this.last === undefined) this.first = item
    else this.last.next = item
    this.last = item
    this.size++
  }

  remove(item: A): void {
    if (item.previous === undefined) this.first = item.next
    else item.previous.next = item.next
    if (item.next === undefined) this.last = item.previous
    else item.next.previous = item.previous
    item.previous = item.next = undefined
    this.size--
  }
}

/** An item of a {@link WaitQueue}. */
export interface Linked<A> {
  previous: A | undefined
  next: A | undefined
}
