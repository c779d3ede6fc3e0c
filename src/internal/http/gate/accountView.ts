import type { RipioHttpError } from "../../../domain/RipioHttpError.ts"

/** What workers may know of the account gate. */
export interface AccountView {
  /** How many requests may be in flight. */
  readonly maxConcurrency: number
  /** The account's last failure, while no request has succeeded since. */
  readonly lastFailure: RipioHttpError | undefined
  /**
   * Whether requests are held back, and until when. `until` is absent in an outage.
   *
   * @param now monotonic milliseconds
   */
  readonly heldBack: (now: number) => { readonly until: number | undefined } | undefined
}

const views = new WeakMap<object, AccountView>()

/** Remembers the account behind a service. A service that a program replaces has none. */
export const setAccountView = <Service extends object>(service: Service, view: AccountView | undefined): Service => {
  if (view !== undefined) views.set(service, view)
  return service
}

export const accountViewOf = (service: object): AccountView | undefined => views.get(service)
