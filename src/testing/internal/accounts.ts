import * as Redacted from "effect/Redacted"
import { CustomerId } from "../../domain/CustomerId.ts"
import type { SandboxAccount } from "../SandboxAccount.ts"

export interface AccountEntry {
  readonly account: SandboxAccount
  enabled: boolean
  /** Tokens, each with the millisecond at which it expires. */
  readonly tokens: Map<string, number>
  /** Customers, each with whether the API has an email address of them. */
  readonly customers: Map<CustomerId, boolean>
}

/** The accounts of one sandbox, with their tokens and customers. */
export class Accounts {
  readonly #entries = new Map<string, AccountEntry>()
  #customerCount = 0

  add(
    options: {
      readonly clientId?: string | undefined
      readonly clientSecret?: Redacted.Redacted | undefined
      readonly enabled?: boolean | undefined
    } = {}
  ) {
    const number = this.#entries.size + 1
    const account: SandboxAccount = {
      clientId: options.clientId ?? `sandbox-client-${number}`,
      clientSecret: options.clientSecret ?? Redacted.make(`sandbox-secret-${number}`)
    }
    if (this.#entries.has(account.clientId)) {
      throw new Error(
        `Sandbox: there is an account with the client id ${account.clientId} already. Pass another clientId.`
      )
    }
    this.#entries.set(account.clientId, {
      account,
      enabled: options.enabled ?? true,
      tokens: new Map(),
      customers: new Map()
    })
    return account
  }

  get(account: SandboxAccount): AccountEntry {
    const entry = this.#entries.get(account.clientId)
    if (entry === undefined) {
      throw new Error(`Sandbox: no account has the client id ${account.clientId}. Add the account with addAccount.`)
    }
    return entry
  }

  addCustomer(
    account: SandboxAccount,
    options: { readonly customerId?: CustomerId | undefined; readonly email?: boolean | undefined } = {}
  ) {
    const number = ++this.#customerCount
    const customerId = options.customerId ?? CustomerId.make(`00000000-0000-4000-9000-${`${number}`.padStart(12, "0")}`)
    const { customers } = this.get(account)
    if (customers.has(customerId)) {
      throw new Error(`Sandbox: the account has a customer ${customerId} already. Pass another customerId.`)
    }
    customers.set(customerId, options.email ?? true)
    return customerId
  }

  /** The client id if an account has it. Keeps any other text, such as a misplaced secret, out of the journal. */
  knownClientId(clientId: string | undefined): string | undefined {
    return clientId !== undefined && this.#entries.has(clientId) ? clientId : undefined
  }

  withCredentials(clientId: string, clientSecret: string): AccountEntry | undefined {
    const entry = this.#entries.get(clientId)
    return entry !== undefined && Redacted.value(entry.account.clientSecret) === clientSecret ? entry : undefined
  }

  /** The account for which the token is valid at this time. */
  withToken(token: string | undefined, now: number): AccountEntry | undefined {
    if (token === undefined) return undefined
    for (const entry of this.#entries.values()) {
      const expiresAt = entry.tokens.get(token)
      if (expiresAt !== undefined) return now < expiresAt ? entry : undefined
    }
    return undefined
  }
}
