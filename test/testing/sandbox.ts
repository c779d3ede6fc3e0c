import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import { Sandbox, type SandboxOptions } from "../../src/testing/index.ts"
import { apiErrors } from "../support/fixtures.ts"
import { inProcess } from "./transports.ts"

/** Runs a test on a new sandbox in process. */
export const withSandbox = <A, E>(
  test: (sandbox: Sandbox["Service"]) => Effect.Effect<A, E, Sandbox | HttpClient.HttpClient>,
  options?: SandboxOptions
) => Sandbox.use(test).pipe(Effect.provide(inProcess(Sandbox.layer({ seed: 0, ...options }))))

export const pendingBody = (ticketId: string) => ({ ticketId, status: "PENDING", issueKey: null })
export const createdBody = (ticketId: string, issueKey: string) => ({ ticketId, status: "CREATED", issueKey })
export const failedBody = (ticketId: string) => ({ ticketId, status: "FAILED", issueKey: null })

export const notAuthenticated = { status: 401, body: apiErrors.notAuthenticated }
export const notFound = { status: 404, body: apiErrors.notFound }
export const notEnabled = { status: 403, body: apiErrors.notEnabled }
