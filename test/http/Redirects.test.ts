import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import { account, httpOn } from "../support/harness.ts"
import { retrieve } from "../support/playScript.ts"
import { reasonOf } from "../support/reasonOf.ts"
import { serve, sockets } from "../support/server.ts"
import { fieldsOf } from "../support/virtualTime.ts"

describe("a redirect", () => {
  for (const [name, client] of sockets) {
    it.live.each([301, 302, 303, 307, 308])(
      `with status %s is not followed, to another origin or to the same, with ${name}`,
      (status) =>
        Effect.gen(function* () {
          const requests = { elsewhere: 0, here: 0 }
          const other = yield* serve((_, response) => {
            requests.elsewhere++
            response.end('{"ok":true}')
          })
          const baseUrl = yield* serve((request, response) => {
            requests.here++
            const target = request.url === "/elsewhere/" ? `${other}/path/` : "/path"
            response.writeHead(status, { location: target }).end()
          })
          const { send } = yield* httpOn(client, { environment: { baseUrl } })
          for (const path of ["/elsewhere/", "/here/"]) {
            for (const request of [HttpClientRequest.get(path), HttpClientRequest.post(path)]) {
              assert.deepStrictEqual(fieldsOf(reasonOf(yield* Effect.flip(send(request)))), {
                _tag: "UnexpectedResponse",
                status,
                issue: "redirects are not followed: check the base URL",
                excerpt: ""
              })
            }
          }
          assert.deepStrictEqual(requests, { elsewhere: 0, here: 4 })
        })
    )
  }

  it.live("of the token request is not followed", () =>
    Effect.gen(function* () {
      let elsewhere = 0
      const other = yield* serve((_, response) => {
        elsewhere++
        response.end(JSON.stringify({ accessToken: "t", expiresIn: 60 }))
      })
      const baseUrl = yield* serve((_, response) => {
        response.writeHead(307, { location: `${other}/oauth2/token/` }).end()
      })
      const layer = account({ environment: { baseUrl } }).pipe(Layer.provide(FetchHttpClient.layer))
      const error = yield* Effect.flip(retrieve).pipe(Effect.provide(layer))
      assert.deepInclude(error, { _tag: "RipioHttpError", operation: "accessToken" })
      assert.strictEqual(elsewhere, 0)
    })
  )
})
