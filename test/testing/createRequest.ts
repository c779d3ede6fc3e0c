import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

export const createPath = "/api/v1/supportTickets/"

/** 256 bytes, each value once. */
export const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte)

/** The status and the JSON body of the response. */
export const send = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), ({ status, text }) =>
    Effect.map(text, (body) => ({ status, body: JSON.parse(body) as Record<string, unknown> }))
  )

export interface Field {
  readonly name: string
  readonly value: string | File
}

export const formOf = (fields: ReadonlyArray<Field>) => {
  const form = new FormData()
  for (const { name, value } of fields) form.append(name, value)
  return form
}

/** A valid form of a new ticket. */
export const ticketForm = (customerId: string, files: ReadonlyArray<File> = []) =>
  formOf([
    { name: "customerId", value: customerId },
    { name: "summary", value: "No aparece mi depósito" },
    { name: "description", value: "first\r\nsecond 😀" },
    ...files.map((file) => ({ name: "files", value: file }))
  ])

export const createRequest = (token: Redacted.Redacted, form: FormData = new FormData()) =>
  HttpClientRequest.post(createPath).pipe(HttpClientRequest.bearerToken(token), HttpClientRequest.bodyFormData(form))

/** The body that `fetch` would send for a form, and its content type. */
export const encodeForm = (form: FormData) => {
  const response = new Response(form)
  return Effect.map(
    Effect.promise(() => response.arrayBuffer()),
    (buffer) => ({ bytes: new Uint8Array(buffer), contentType: response.headers.get("content-type") ?? "" })
  )
}

/** A create request with a streamed body. */
export const streamedCreateRequest = (
  token: Redacted.Redacted,
  chunks: ReadonlyArray<Uint8Array>,
  options: { readonly contentType: string; readonly contentLength?: number }
) => HttpClientRequest.bodyStream(createRequest(token), Stream.fromIterable(chunks), options)
