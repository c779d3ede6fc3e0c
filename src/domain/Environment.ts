import * as Result from "effect/Result"
import { InvalidOption } from "./InvalidOption.ts"

/**
 * Which Ripio to talk to: one of the two that Ripio runs, or any other by its base URL, such as a sandbox of your own.
 *
 * Credentials belong to one environment and do not work in another.
 *
 * @see Servers
 * @category models
 * @since 0.1.0
 */
export type Environment = "sandbox" | "production" | { readonly baseUrl: string | URL }

const hosts = {
  sandbox: "https://skala-sandbox.ripio.com",
  production: "https://skala.ripio.com"
}

/** The environment's base URL, without a slash at its end. */
export const baseUrlOf = (environment: Environment): Result.Result<string, InvalidOption> => {
  if (typeof environment === "string") {
    const host = Object.hasOwn(hosts, environment) ? hosts[environment] : undefined
    return host === undefined
      ? Result.fail(new InvalidOption({ option: "environment", issue: "expected sandbox, production or a base URL" }))
      : Result.succeed(host)
  }
  const invalid = (issue: string) => Result.fail(new InvalidOption({ option: "baseUrl", issue }))
  const text = String(environment.baseUrl)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) return invalid("expected an absolute URL")
  if (url.protocol !== "https:" && url.protocol !== "http:") return invalid("expected a URL of https or http")
  if (url.username !== "" || url.password !== "") return invalid("expected a URL without credentials in it")
  // Also those that are empty, of which `search` and `hash` say nothing.
  if (/[?#]/u.test(url.href)) return invalid("expected a URL without a query and without a fragment")
  return Result.succeed(url.href.replace(/\/+$/, ""))
}
