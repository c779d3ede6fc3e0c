import * as Redacted from "effect/Redacted"
import { CustomerId } from "../../domain/CustomerId.ts"
import type { SandboxAccount } from "../SandboxAccount.ts"

interface Entry {
  readonly account: SandboxAccount
  enabled: boolean
  /** From the token to the millisecond at which it is not good any more. */
  readonly tokens: Map<string, number>
  /** Whether there is an email address on file, by customer. */
  readonly customers: Map<CustomerId, boolean>
}

/** The accounts of one sandbox, and the tokens that it gave them. */
export class Accounts {
  readonly #entries = new Map<string, Entry>()
  #customers = 0

  add(
    options: { readonly clientId?: string; readonly clientSecret?: Redacted.Redacted; readonly enabled?: boolean } = {}
  ) {
    const number = this.#entries.size + 1
    const account: SandboxAccount = {
      clientId: options.clientId ?? `sandbox-client-${number}`,
      clientSecret: options.clientSecret ?? Redacted.make(`sandbox-secret-${number}`)
    }
    if (this.#entries.has(account.clientId)) {
      throw new Error(`Sandbox: there is an account with the client id ${account.clientId} already`)
    }
    this.#entries.set(account.clientId, {
      account,
      enabled: options.enabled ?? true,
      tokens: new Map(),
      customers: new Map()
    })
    return account
  }

  get(account: SandboxAccount): Entry {
    const entry = this.#entries.get(account.clientId)
    if (entry === undefined) {
      throw new Error(`Sandbox: no account has the client id ${account.clientId}; make one with addAccount`)
    }
    return entry
  }

  addCustomer(account: SandboxAccount, options: { readonly customerId?: CustomerId; readonly email?: boolean } = {}) {
    const number = ++this.#customers
    const customerId = options.customerId ?? CustomerId.make(`00000000-0000-4000-9000-${`${number}`.padStart(12, "0")}`)
    const { customers } = this.get(account)
    if (customers.has(customerId)) throw new Error(`Sandbox: the account has a customer ${customerId} already`)
    customers.set(customerId, options.email ?? true)
    return customerId
  }

  /** The client id, if it is one: whatever else a request may hold in its place does not come into the journal. */
  known(clientId: string | undefined): string | undefined {
    return clientId !== undefined && this.#entries.has(clientId) ? clientId : undefined
  }

  withCredentials(clientId: string, clientSecret: string): Entry | undefined {
    const entry = this.#entries.get(clientId)
    return entry !== undefined && Redacted.value(entry.account.clientSecret) === clientSecret ? entry : undefined
  }

  withToken(token: string, now: number): Entry | undefined {
    for (const entry of this.#entries.values()) {
      const expiry = entry.tokens.get(token)
      if (expiry !== undefined) return now < expiry ? entry : undefined
    }
    return undefined
  }
}
