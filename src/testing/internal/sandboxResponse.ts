import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import { ConnectionLost } from "../ConnectionLost.ts"

/** An answer before it has a form that a transport knows: plain data, so that a fault can change it. */
export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
  /** The connection breaks after so many bytes of the body. */
  readonly cutAfter?: number
}

const encoder = new TextEncoder()

export const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  contentType: "application/json",
  body: JSON.stringify(body),
  headers
})

export const html = (status: number, title: string, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  contentType: "text/html; charset=utf-8",
  body: `<!doctype html>\n<html lang="en">\n<head>\n  <title>${title}</title>\n</head>\n<body>\n  <h1>${title}</h1>\n</body>\n</html>\n`,
  headers
})

/** The body that the API documents for every error. */
export const apiError = (
  status: number,
  code: number,
  type: string,
  detail: { readonly message: string; readonly code?: string }
): Answer => json(status, { code, type, detail, status })

export const notAuthenticated = (status: 401 | 403 = 401): Answer =>
  apiError(status, 40001, "NotAuthenticated", {
    message: "Authentication credentials were not provided.",
    code: "not_authenticated"
  })

export const notEnabled = (): Answer =>
  apiError(403, 20061, "SupportTicketsNotEnabledException", {
    message: "Support tickets are not enabled for this account."
  })

/** White space after JSON leaves it what it is. */
export const pad = (answer: Answer, bytes: number): Answer => ({
  ...answer,
  body: answer.body + " ".repeat(Math.max(0, bytes - encoder.encode(answer.body).length))
})

export const toResponse = (answer: Answer, requestId: string): HttpServerResponse.HttpServerResponse => {
  const { contentType, cutAfter, status } = answer
  const headers = { ...answer.headers, "x-request-id": requestId }
  if (cutAfter === undefined) {
    return HttpServerResponse.text(answer.body, { status, contentType, headers })
  }
  const bytes = encoder.encode(answer.body)
  return HttpServerResponse.stream(
    Stream.concat(
      Stream.succeed(bytes.subarray(0, cutAfter)),
      // A server drops what it has not flushed when the connection breaks: give it the turn to flush.
      Stream.fromEffect(Effect.andThen(Effect.yieldNow, Effect.fail(new ConnectionLost({ code: "ECONNRESET" }))))
    ),
    { status, contentType, headers, contentLength: bytes.length }
  )
}
