import type { Fault } from "../Fault.ts"
import type { Route } from "../SandboxRequest.ts"

interface QueuedFault {
  readonly fault: Fault
  readonly on: Route | undefined
  readonly clientId: string | undefined
  /** The number of requests that it still applies to. */
  remaining: number
}

const invalidatesTokens = (fault: Fault) => fault._tag === "TokenExpired" || fault._tag === "TokensRevoked"

// Faults of a token have no effect on a request without a token.
const appliesTo = (fault: Fault, route: Route | undefined) =>
  invalidatesTokens(fault) || fault._tag === "Unauthenticated" ? route !== undefined && route !== "token" : true

/** The queue of injected faults. */
export class Faults {
  #queue: ReadonlyArray<QueuedFault> = []

  inject(queued: QueuedFault): void {
    const { fault, on } = queued
    if (invalidatesTokens(fault) && on === "token") {
      throw new Error(
        `Sandbox: ${fault._tag} waits for a request with a Bearer token, and the token endpoint receives none. ` +
          'Inject it on "create" or "retrieve".'
      )
    }
    if (fault._tag === "Refused" && fault.stored === true) {
      throw new Error("Sandbox: a refused connection carries nothing to store. Use Fault.dropped instead.")
    }
    if (queued.remaining > 0) this.#queue = [...this.#queue, queued]
  }

  clear(): void {
    this.#queue = []
  }

  /** Takes the first fault that applies to this request. */
  take(request: { readonly route: Route | undefined; readonly clientId: string | undefined }): Fault | undefined {
    const queued = this.#queue.find(
      ({ clientId, fault, on }) =>
        (clientId === undefined || clientId === request.clientId) &&
        (on === undefined ? appliesTo(fault, request.route) : on === request.route)
    )
    if (queued === undefined) return undefined
    queued.remaining -= 1
    this.#queue = this.#queue.filter(({ remaining }) => remaining > 0)
    return queued.fault
  }
}
