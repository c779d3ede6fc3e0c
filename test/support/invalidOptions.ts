import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { type Environment, InvalidOption } from "../../src/index.ts"
import { ScriptedHttpClient } from "../../src/testing/index.ts"
import { untyped } from "./untyped.ts"

/** Valid options of an account. */
export const validOptions = {
  environment: "sandbox",
  clientId: "partner",
  clientSecret: Redacted.make("s3cr3t")
} as const

/** The error with which a layer fails to build. It must not have sent a request. */
export const buildError = <A, E>(layer: Layer.Layer<A, E, HttpClient>) =>
  Effect.gen(function* () {
    const scripted = yield* ScriptedHttpClient.make([])
    const error = yield* Effect.match(Layer.build(Layer.provide(layer, scripted.layer)), {
      onFailure: (failure) => failure,
      onSuccess: () => assert.fail("the layer was built")
    })
    assert.deepStrictEqual(yield* scripted.requests, [])
    return error
  })

/** Asserts that an error is an `InvalidOption` with this option and issue, and does not contain `value`. */
export const assertInvalid = (error: unknown, option: string, issue: string, value?: unknown) => {
  assert.instanceOf(error, InvalidOption)
  assert.deepStrictEqual({ option: error.option, issue: error.issue }, { option, issue })
  assert.strictEqual(error.message, `${option}: ${issue}`)
  // A shorter value may be part of the message by chance.
  if (typeof value !== "string" || value.trim().length < 4) return
  for (const text of [error.message, JSON.stringify(error), Cause.pretty(Cause.fail(error))]) {
    assert.isFalse(text.includes(value), `contains ${value}`)
  }
}

export const issues = {
  environment: "expected sandbox, production or a base URL",
  absoluteUrl: "expected an absolute URL",
  httpUrl: "expected a URL of https or http",
  urlWithoutCredentials: "expected a URL without credentials in it",
  urlWithoutQuery: "expected a URL without a query and without a fragment",
  durationAboveZero: "expected a duration above zero",
  wholeNumber: "expected a whole number that is not negative",
  clientId: "expected some text without a colon and without control characters",
  clientSecret: "expected some text without control characters",
  token: "expected visible ASCII characters",
  redacted: "expected a Redacted"
}

export const invalidUrls: ReadonlyArray<{ readonly url: unknown; readonly issue: string }> = [
  ...[
    "",
    " ",
    "ripio.test",
    "/api",
    "//ripio.test",
    "https://",
    "https://ri pio.test",
    "https://ripio.test:port",
    "not a url",
    undefined,
    7
  ].map((url) => ({ url, issue: issues.absoluteUrl })),
  ...[
    "ftp://ripio.test/",
    "ws://ripio.test/",
    "file:///tmp/x",
    "data:text/plain,x",
    "javascript:void(0)",
    "localhost:8080",
    new URL("ftp://ripio.test/")
  ].map((url) => ({ url, issue: issues.httpUrl })),
  ...["https://user@ripio.test/", "https://user:pass@ripio.test/", "https://:pass@ripio.test"].map((url) => ({
    url,
    issue: issues.urlWithoutCredentials
  })),
  ...[
    "https://ripio.test/?a=b",
    "https://ripio.test/?",
    "https://ripio.test?",
    "https://ripio.test/#a",
    "https://ripio.test/#",
    "https://ripio.test/x?#"
  ].map((url) => ({ url, issue: issues.urlWithoutQuery }))
]

export const invalidEnvironments: ReadonlyArray<{
  readonly environment: Environment
  readonly option: string
  readonly issue: string
}> = [
  ...["", "Sandbox", "staging", "toString", "__proto__", "https://ripio.test"].map((name) => ({
    environment: untyped(name),
    option: "environment",
    issue: issues.environment
  })),
  ...invalidUrls.map(({ issue, url }) => ({ environment: { baseUrl: untyped(url) }, option: "baseUrl", issue })),
  { environment: untyped({}), option: "baseUrl", issue: issues.absoluteUrl }
]

export const invalidDurations: ReadonlyArray<unknown> = [
  0,
  -1,
  "0 seconds",
  "-1 seconds",
  Duration.zero,
  Number.NaN,
  "soon",
  "",
  {},
  true
]

export const invalidRequestOptions: ReadonlyArray<{
  readonly options: object
  readonly option: string
  readonly issue: string
}> = [
  ...invalidDurations.flatMap((duration) =>
    [
      { options: { timeout: duration }, option: "timeout" },
      { options: { retry: { base: duration } }, option: "retry.base" },
      { options: { retry: { max: duration } }, option: "retry.max" }
    ].map((invalid) => ({ ...invalid, issue: issues.durationAboveZero }))
  ),
  ...[-1, 0.5, Number.NaN, Infinity, "2", null, []].map((times) => ({
    options: { retry: { times: times ?? -1 } },
    option: "retry.times",
    issue: issues.wholeNumber
  }))
]

export const invalidClientIds: ReadonlyArray<unknown> = [
  "",
  " ",
  "\t",
  "a:b",
  ":",
  "partner:",
  "part\nner",
  "partner\u0000",
  "partner\u007f",
  undefined,
  7,
  {}
]

export const invalidClientSecrets: ReadonlyArray<unknown> = [
  "",
  " ",
  "\n",
  "secret\n",
  "\u0000secret",
  "sec\u0085ret",
  undefined,
  7
]
