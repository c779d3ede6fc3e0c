import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import { CurrentWrite, type ObservedWrite } from "../../src/internal/http/currentWrite.ts"
import { scriptedHttp } from "../support/harness.ts"
import { json } from "../support/replies.ts"

describe("a write that a worker observes", () => {
  for (const { isObserved, request } of [
    { request: HttpClientRequest.get("/path/"), isObserved: false },
    { request: HttpClientRequest.head("/path/"), isObserved: false },
    { request: HttpClientRequest.post("/path/"), isObserved: true },
    { request: HttpClientRequest.delete("/path/"), isObserved: true }
  ]) {
    it.effect(`${isObserved ? "is" : "is not"} the ${request.method} of a fiber`, () =>
      Effect.gen(function* () {
        let hooks = 0
        const beforeSend = Effect.sync(() => void hooks++)
        const write: ObservedWrite = { beforeSend, isObserved: false, attempt: undefined }
        const { send } = yield* scriptedHttp([json({ ok: true })])
        yield* Effect.provideService(send(request), CurrentWrite, write)
        assert.strictEqual(write.isObserved, isObserved)
        assert.strictEqual(hooks, isObserved ? 1 : 0)
        assert.strictEqual(write.attempt !== undefined, isObserved)
      })
    )
  }
})
