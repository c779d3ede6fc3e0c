import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import { ConnectionLost } from "../ConnectionLost.ts"

/** A response as plain data, so that faults can change it before it is sent. */
export interface SandboxResponse {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
  /** The number of bytes of the body after which the connection is reset. */
  readonly resetAfter?: number
}

const utf8 = new TextEncoder()

export const jsonResponse = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {}
): SandboxResponse => ({
  status,
  contentType: "application/json",
  body: JSON.stringify(body),
  headers
})

export const htmlResponse = (
  status: number,
  title: string,
  headers: Readonly<Record<string, string>> = {}
): SandboxResponse => ({
  status,
  contentType: "text/html; charset=utf-8",
  body: `<!doctype html>\n<html lang="en">\n<head>\n  <title>${title}</title>\n</head>\n<body>\n  <h1>${title}</h1>\n</body>\n</html>\n`,
  headers
})

/** An error in the format that the API documents. */
export const apiError = (
  status: number,
  code: number,
  type: string,
  detail: { readonly message: string; readonly code?: string }
): SandboxResponse => jsonResponse(status, { code, type, detail, status })

export const notAuthenticated = (status: 401 | 403 = 401): SandboxResponse =>
  apiError(status, 40001, "NotAuthenticated", {
    message: "Authentication credentials were not provided.",
    code: "not_authenticated"
  })

export const notEnabled = (): SandboxResponse =>
  apiError(403, 20061, "SupportTicketsNotEnabledException", {
    message: "Support tickets are not enabled for this account."
  })

/** Appends spaces up to this number of bytes. JSON stays valid. */
export const padTo = (response: SandboxResponse, bytes: number): SandboxResponse => ({
  ...response,
  body: response.body + " ".repeat(Math.max(0, bytes - utf8.encode(response.body).length))
})

export const toServerResponse = (
  response: SandboxResponse,
  requestId: string
): HttpServerResponse.HttpServerResponse => {
  const { body, contentType, resetAfter, status } = response
  const headers = { ...response.headers, "x-request-id": requestId }
  if (resetAfter === undefined) return HttpServerResponse.text(body, { status, contentType, headers })
  const bytes = utf8.encode(body)
  return HttpServerResponse.stream(
    Stream.concat(
      Stream.succeed(bytes.subarray(0, resetAfter)),
      // A server discards unflushed bytes when the connection breaks. The yield lets it flush them first.
      Stream.fromEffect(Effect.andThen(Effect.yieldNow, Effect.fail(new ConnectionLost({ code: "ECONNRESET" }))))
    ),
    { status, contentType, headers, contentLength: bytes.length }
  )
}
