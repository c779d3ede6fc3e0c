import { assert, describe, it } from "@effect/vitest"
import { AccountPause } from "../../../src/internal/http/gate/pause.ts"

// Each pause begins at 0.
const pauses = [
  { title: "none", start: () => {}, until: -Infinity, heldBack: undefined },
  {
    title: "after a 429 without a time",
    start: (pause: AccountPause) => pause.holdPolls(1000),
    until: 1000,
    heldBack: "polls"
  },
  {
    title: "that the API asked for",
    start: (pause: AccountPause) => pause.request(0, 1000, 429),
    until: 1000,
    heldBack: "all"
  },
  {
    title: "of both kinds that end together",
    start: (pause: AccountPause) => {
      pause.holdPolls(1000)
      pause.request(0, 1000, 429)
    },
    until: 1000,
    heldBack: "all"
  }
]

describe("a pause of an account", () => {
  it.each(pauses)("is active until its end, which reports what it held back: $title", ({ heldBack, start, until }) => {
    const pause = new AccountPause()
    start(pause)
    const isPause = heldBack !== undefined
    assert.strictEqual(pause.pollAt, until)
    assert.strictEqual(pause.isActive, isPause)
    assert.isUndefined(pause.expire(999))
    assert.strictEqual(pause.isActive, isPause)
    assert.strictEqual(pause.expire(1000), heldBack)
    assert.isFalse(pause.isActive)
    assert.isUndefined(pause.expire(1001))
  })
})
