import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import { basic, clientId, clientSecret, printed, sightings, token } from "../support/canary.ts"
import { encodings } from "../support/encodings.ts"
import { assertNoSecrets, watchSecrets } from "../support/secretWatch.ts"

describe("the watch for secrets", () => {
  it("finds a secret in every encoding, and in every part of a value", () => {
    for (const [name, encode] of Object.entries(encodings)) {
      for (const secret of [token("T"), clientSecret]) {
        if (name !== "as JSON with every character escaped")
          assert.deepStrictEqual(sightings(`<${encode(secret)}>`), ["the canary"], name)
      }
    }
    assert.deepStrictEqual(sightings(`authorization: ${basic}`), ["the basic credentials"])
    assert.deepStrictEqual(sightings(basic.slice(40, 60)), ["the basic credentials"])
    assert.deepStrictEqual(sightings(`${clientId} ${btoa(`${clientId}:`)}`), [])
    const secret = token("T")
    const hidden = Object.defineProperty({}, "a", { value: secret, enumerable: false })
    const cause = new Error("outside", { cause: new Error("inside", { cause: secret }) })
    class WithGetter {
      get getter() {
        return secret
      }
    }
    for (const value of [
      secret,
      [[[[[[[[secret]]]]]]]],
      hidden,
      new Map([[1, new Set([secret])]]),
      { [Symbol("x")]: secret },
      { [secret]: 1 },
      cause,
      new WithGetter(),
      Exit.die(cause),
      Exit.fail({ reason: { request: { headers: { authorization: secret } } } }),
      Cause.fail(cause)
    ]) {
      assert.deepStrictEqual(sightings(printed(value)), ["the canary"])
    }
    assert.deepStrictEqual(
      sightings(printed([Redacted.make(secret), { token: Redacted.make(secret, { label: "x" }) }])),
      []
    )
  })

  it.effect("finds a secret in results, failures, defects, logs, spans, metrics and output", () =>
    Effect.gen(function* () {
      const withoutLeak = watchSecrets()
      yield* withoutLeak.run(Effect.succeed(1))
      assertNoSecrets(withoutLeak.text())
      const secret = token("T")
      const leaks: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        Effect.succeed({ secret }),
        Effect.fail(new Error(secret)),
        Effect.die(new Error("x", { cause: secret })),
        Effect.logTrace("x", { secret }),
        Effect.annotateLogs(Effect.log("x"), { secret }),
        Effect.withSpan(Effect.void, secret),
        Effect.withSpan(Effect.void, "x", { attributes: { secret } }),
        Effect.exit(Effect.withSpan(Effect.fail(secret), "x")),
        Effect.withSpan(
          Effect.flatMap(Effect.currentSpan, (span) => Effect.sync(() => span.event(secret, 0n))),
          "x"
        ),
        Metric.update(Metric.withAttributes(Metric.counter("x"), { secret }), 1),
        Effect.sync(() => process.stderr.write(secret))
      ]
      for (const [index, leak] of leaks.entries()) {
        const watch = watchSecrets()
        yield* watch.run(leak)
        assert.deepStrictEqual(sightings(watch.text()), ["the canary"], `leak ${index}`)
      }
    })
  )
})
