import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import { maxWebhookBytes } from "../../domain/WebhookRejected.ts"
import { readAtMost } from "../http/bytes.ts"

/**
 * Why a body has no bytes to verify: it is above the limit, it broke off or is not bytes, or something read or locked it
 * before.
 */
export type BodyFailure = "TooLarge" | "Incomplete" | "Unreadable"

/** Whether nothing has read the body. A polyfill of `Request` may have a body that is not a web stream. */
export const isUnread = ({ body, bodyUsed }: Request): boolean =>
  !bodyUsed && (body === null || (typeof body.getReader === "function" && !body.locked))

/** Reads the body of a web request. Cancels it above the limit, and if the effect is interrupted. */
export const readWebBody = (request: Request): Effect.Effect<Uint8Array, BodyFailure> =>
  Effect.suspend(() => {
    const { body, headers } = request
    if (!isUnread(request)) return Effect.fail("Unreadable")
    if (Number(headers.get("content-length")) > maxWebhookBytes) return Effect.fail("TooLarge")
    if (body === null) return Effect.succeed(new Uint8Array())
    return Effect.callback<Uint8Array, BodyFailure>((resume) => {
      const reader = body.getReader()
      // The reader of a polyfill may throw instead of rejecting.
      const cancel = () =>
        void Promise.resolve()
          .then(() => reader.cancel())
          .catch(constVoid)
      readAtMost(maxWebhookBytes, reader).then(
        (bytes) => {
          if (bytes !== undefined) return resume(Effect.succeed(bytes))
          cancel()
          resume(Effect.fail("TooLarge"))
        },
        () => {
          cancel()
          resume(Effect.fail("Incomplete"))
        }
      )
      return Effect.sync(cancel)
    })
  })
