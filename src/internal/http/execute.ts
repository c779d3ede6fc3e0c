import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Result from "effect/Result"
import type { Unauthenticated } from "../../domain/AccessToken.ts"
import type { ApiError } from "../../domain/ApiError.ts"
import type { ExecuteOptions } from "../../domain/ExecuteOptions.ts"
import { isObject } from "../../domain/InvalidOption.ts"
import { invalidRequest, type RipioHttpError } from "../../domain/RipioHttpError.ts"
import { type Account, Call, type CallOptions } from "./call.ts"
import { withoutAnnotations } from "./retry.ts"

/** Sends a request of an account and decodes the response. */
export type Execute = <A>(
  request: HttpClientRequest.HttpClientRequest,
  options: ExecuteOptions<A>
) => Effect.Effect<A, Unauthenticated | ApiError | RipioHttpError>

/** Checks the arguments of a call, which JavaScript may have filled with anything. A failure describes the problem. */
const checkCall = <A>(
  baseUrl: string,
  request: HttpClientRequest.HttpClientRequest,
  options: ExecuteOptions<A>
): Result.Result<CallOptions<A>, string> => {
  try {
    if (!HttpClientRequest.isHttpClientRequest(request) || !HttpBody.isHttpBody(request.body)) {
      return Result.fail("request: expected an HttpClientRequest")
    }
    const addressed = HttpClientRequest.acceptJson(HttpClientRequest.prependUrl(request, baseUrl))
    if (typeof addressed.method !== "string") return Result.fail("request: expected a method")
    if (!isObject(options)) return Result.fail("options: expected an object")
    const { annotations = withoutAnnotations, decode, operation } = options
    if (typeof operation !== "string") return Result.fail("operation: expected some text")
    if (typeof decode !== "function") return Result.fail("decode: expected a function")
    if (typeof annotations !== "function") return Result.fail("annotations: expected a function")
    return Result.succeed({ request: addressed, annotations, decode, operation })
  } catch {
    return Result.fail("request: expected an HttpClientRequest and options that can be read")
  }
}

/** Creates an {@link Execute}. */
export const makeExecute =
  (baseUrl: string, account: Account): Execute =>
  (request, options) => {
    const checked = checkCall(baseUrl, request, options)
    return Result.isSuccess(checked)
      ? Effect.withFiber((fiber) => new Call(account, checked.success, fiber).run())
      : Effect.fail(invalidRequest("execute", checked.failure))
  }
