/**
 * The server that requests go to.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { checkOption, InvalidOption, isObject } from "./InvalidOption.ts"

/**
 * The environment of Ripio: the sandbox, production, or any server by its base URL, such as a sandbox that you run.
 *
 * Credentials belong to one environment and do not work in another.
 *
 * @see https://docs.ripio.com/ramps-api/support-tickets/retrieve-support-ticket (servers)
 * @category models
 * @since 0.1.0
 */
export type Environment = "sandbox" | "production" | { readonly baseUrl: string | URL }

const hosts = {
  sandbox: "https://skala-sandbox.ripio.com",
  production: "https://skala.ripio.com"
}

/** The environment's base URL, without a trailing slash. */
export const baseUrlOf = (environment: Environment): Result.Result<string, InvalidOption> => {
  if (!isObject(environment)) {
    return typeof environment === "string" && Object.hasOwn(hosts, environment)
      ? Result.succeed(hosts[environment])
      : Result.fail(new InvalidOption({ option: "environment", issue: "expected sandbox, production or a base URL" }))
  }
  return checkOption("baseUrl", () => checkBaseUrl(String(environment.baseUrl)))
}

const checkBaseUrl = (text: string): Result.Result<string, InvalidOption> => {
  const invalid = (issue: string) => Result.fail(new InvalidOption({ option: "baseUrl", issue }))
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) return invalid("expected an absolute URL")
  if (url.protocol !== "https:" && url.protocol !== "http:") return invalid("expected a URL of https or http")
  if (url.username !== "" || url.password !== "") return invalid("expected a URL without credentials in it")
  // `search` and `hash` are empty for a URL that ends in a bare `?` or `#`.
  if (/[?#]/u.test(url.href)) return invalid("expected a URL without a query and without a fragment")
  return Result.succeed(url.href.replace(/\/+$/, ""))
}
