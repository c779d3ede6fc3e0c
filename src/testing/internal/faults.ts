import type { Fault } from "../Fault.ts"
import type { Route } from "../SandboxRequest.ts"

interface Injected {
  readonly fault: Fault
  readonly on: Route | undefined
  readonly clientId: string | undefined
  left: number
}

const spoilsTokens = (fault: Fault) => fault._tag === "TokenExpired" || fault._tag === "TokensRevoked"

/** What is injected and not yet met. */
export class Faults {
  #queue: ReadonlyArray<Injected> = []

  inject(injected: Injected): void {
    if (spoilsTokens(injected.fault) && injected.on === "token") {
      throw new Error(
        `Sandbox: ${injected.fault._tag} waits for a request with a Bearer token, the token endpoint gets none`
      )
    }
    if (injected.fault._tag === "Refused" && injected.fault.stored === true) {
      throw new Error("Sandbox: a connection that is refused carries nothing to store; Fault.dropped breaks later")
    }
    if (injected.left > 0) this.#queue = [...this.#queue, injected]
  }

  clear(): void {
    this.#queue = []
  }

  /** The first fault that is meant for this request. It is used up by that. */
  take(request: { readonly route: Route | undefined; readonly clientId: string | undefined }): Fault | undefined {
    const met = this.#queue.find(
      ({ clientId, fault, on }) =>
        (clientId === undefined || clientId === request.clientId) &&
        (on === undefined ? aimsAt(fault, request.route) : on === request.route)
    )
    if (met === undefined) return undefined
    met.left -= 1
    this.#queue = this.#queue.filter(({ left }) => left > 0)
    return met.fault
  }
}

// What is wrong with a token does not show where there is none.
const aimsAt = (fault: Fault, route: Route | undefined) =>
  spoilsTokens(fault) || fault._tag === "Unauthenticated" ? route !== undefined && route !== "token" : true
