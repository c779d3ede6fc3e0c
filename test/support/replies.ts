import * as Effect from "effect/Effect"
import type { ScriptedReply } from "../../src/testing/index.ts"

/** A response with status 200 and this JSON body. */
export const json = (body: unknown): ScriptedReply => ({ status: 200, json: body })

/** The response that the decoder of `scriptedHttp` accepts. */
export const ok = json({ ok: true })

/** A script that sends the same reply to every request. */
export const always = (reply: ScriptedReply) => () => Effect.succeed(reply)

/** A response of the token endpoint. */
export const tokenResponse = (accessToken = "a-token", expiresIn: unknown = 3600) => ({
  status: 200,
  json: { accessToken, expiresIn, tokenType: "Bearer" }
})
