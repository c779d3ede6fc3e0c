import type { ScriptedReply } from "../../src/testing/index.ts"
import { ticketId } from "./fixtures.ts"

const inJsonString = (text: string) => JSON.stringify(text).slice(1, -1)
const hex = (unit: string) => unit.charCodeAt(0).toString(16).padStart(4, "0")

/** The encodings in which a server may repeat a text, by name. */
export const encodings: Readonly<Record<string, (text: string) => string>> = {
  "without encoding": (text) => text,
  "as JSON": inJsonString,
  "as JSON in JSON": (text) => inJsonString(JSON.stringify(text)),
  "as JSON with escaped slashes": (text) => inJsonString(text).replaceAll("/", "\\/"),
  "as JSON that is safe in HTML": (text) => inJsonString(text).replace(/[<>&'/+=]/gu, (char) => `\\u${hex(char)}`),
  "as JSON with every character escaped": (text) =>
    text.replace(/./gsu, (char) =>
      char
        .split("")
        .map((unit) => `\\u${hex(unit).toUpperCase()}`)
        .join("")
    ),
  "as JSON in ASCII": (text) => inJsonString(text).replace(/[^\x20-\x7e]/gu, (char) => `\\u${hex(char)}`),
  "as part of a URL": encodeURIComponent,
  "as part of a URL in lower case": (text) => encodeURIComponent(text).replace(/%../gu, (byte) => byte.toLowerCase()),
  "as part of a URL, twice": (text) => encodeURIComponent(encodeURIComponent(text)),
  "as a URL": encodeURI,
  "as form data": (text) => new URLSearchParams([["", text]]).toString().slice(1),
  "as HTML": (text) =>
    text.replace(/[&<>"']/gu, (char) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[char] ?? "&#x27;"),
  "as HTML with decimal references": (text) => text.replace(/[^a-z0-9]/giu, (char) => `&#${char.codePointAt(0)};`),
  "as HTML with hexadecimal references": (text) =>
    text.replace(/[^a-z0-9]/giu, (char) => `&#X${char.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")};`),
  "as HTML in HTML": (text) => text.replace(/[&<>"'/=+]/gu, (char) => `&amp;#${char.charCodeAt(0)};`)
}

const idHeaders = ["x-request-id", "request-id", "x-correlation-id", "cf-ray"]
const toHeaderValue = (text: string) => text.replace(/[^\x20-\x7e\xa0-\xff]/gu, "?")

/** JSON strings that contain an encoded text: the text in quotes, if that is JSON, and the text encoded once more. */
const jsonStrings = (encoded: string): ReadonlyArray<string> => {
  const quoted = JSON.stringify(encoded)
  try {
    JSON.parse(`"${encoded}"`)
    return [`"${encoded}"`, quoted]
  } catch {
    return [quoted]
  }
}

/** Responses that contain an encoded text: in a page, in a form, in JSON of every shape, and in headers. */
export const repliesWith = (status: number, encoded: string): ReadonlyArray<ScriptedReply> => [
  { status, text: `<html><body><pre>GET / HTTP/1.1\nAuthorization: ${encoded}\n</pre></body></html>` },
  { status, text: `x=1&authorization=${encoded}&y=2` },
  { status, text: encoded },
  { status, text: `${"x".repeat(500)}${encoded}` },
  { status, text: "", headers: Object.fromEntries(idHeaders.map((name) => [name, toHeaderValue(encoded)])) },
  {
    status,
    text: "",
    headers: { location: `https://elsewhere.test/?a=${toHeaderValue(encoded)}`, "retry-after": toHeaderValue(encoded) }
  },
  ...jsonStrings(encoded).flatMap((json) => [
    { status, text: `{"headers":{"authorization":${json}}}` },
    { status, text: `{"error":${json},"error_description":${json}}` },
    ...[20061, 40001, 40017, 99999].map((code) => ({
      status,
      text: `{"code":${code},"type":${json},"detail":{"message":${json},${json}:[{"a":${json}}]},"status":${status}}`
    })),
    { status, text: `{"ticketId":${json},"status":${json},"issueKey":${json}}` },
    { status, text: `{"ticketId":"${ticketId}","status":"PENDING","issueKey":${json}}` },
    { status, text: `{"ticketId":"${ticketId}","status":"CREATED","issueKey":null,${json}:${json}}` },
    { status, text: `[${json}` }
  ])
]
