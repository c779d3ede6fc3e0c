import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { IssueKey } from "../../domain/IssueKey.ts"
import type { SandboxDelivery, SandboxWebhookOptions, WebhookTarget } from "../SandboxWebhooks.ts"
import { type SignedWebhook, signWebhook, type WebhookContent } from "../SignWebhook.ts"

interface Subscription extends SandboxWebhookOptions {
  readonly target: WebhookTarget
  readonly clientId: string
  readonly secret: Redacted.Redacted
  held: Array<Event>
}

interface Event {
  readonly content: WebhookContent
  /** The millisecond at which it happened. */
  readonly at: number
}

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

const stranger = Redacted.make("a secret that is of somebody else")

const opposite = (content: WebhookContent): WebhookContent => {
  if (!("_tag" in content)) return content
  const { ticketId } = content
  return content._tag === "Created"
    ? { _tag: "Failed", ticketId }
    : { _tag: "Created", ticketId, issueKey: IssueKey.make("SUP-FORGED") }
}

/** The webhooks of one sandbox: who gets them, and what was sent. */
export class Webhooks {
  readonly #subscriptions: Array<Subscription> = []
  readonly #journal: Array<Mutable<SandboxDelivery>> = []
  readonly #fork: (effect: Effect.Effect<unknown>) => void

  /** @param fork runs an effect beside the others, for as long as the sandbox is there */
  constructor(fork: (effect: Effect.Effect<unknown>) => void) {
    this.#fork = fork
  }

  subscribe(subscription: Omit<Subscription, "held">): void {
    this.#subscriptions.push({ ...subscription, held: [] })
  }

  isSubscribed(clientId: string): boolean {
    return this.#subscriptions.some((subscription) => subscription.clientId === clientId)
  }

  get sent(): ReadonlyArray<SandboxDelivery> {
    return this.#journal.map((delivery) => ({ ...delivery }))
  }

  /** Something happened in an account, just now: each of its subscriptions is told in its own way. */
  emit(clientId: string, content: WebhookContent): Effect.Effect<void> {
    return Effect.map(Clock.currentTimeMillis, (at) => {
      for (const subscription of this.#subscriptions) {
        if (subscription.clientId === clientId) this.#fork(this.#deliver(subscription, { content, at }))
      }
    })
  }

  #deliver(subscription: Subscription, event: Event): Effect.Effect<void> {
    return Effect.delay(
      Effect.suspend(() => {
        subscription.held.push(event)
        if (subscription.held.length < (subscription.reorderWindow ?? 1)) return Effect.void
        const batch = subscription.held.toReversed()
        subscription.held = []
        return Effect.forEach(batch, (event) => this.#sendAll(subscription, event), { discard: true })
      }),
      subscription.delay ?? 0
    )
  }

  #sendAll(subscription: Subscription, { at, content }: Event): Effect.Effect<void> {
    const { forge = false, secret, times = 1 } = subscription
    const send = (content: WebhookContent, secret: Redacted.Redacted, forged: boolean) =>
      this.#send(subscription, { content, forged }, signWebhook(content, { secret, issuedAt: at }), 1)
    return Effect.andThen(
      forge ? send(opposite(content), stranger, true) : Effect.void,
      Effect.replicateEffect(send(content, secret, false), times, { discard: true })
    )
  }

  #send(
    subscription: Subscription,
    what: Pick<SandboxDelivery, "content" | "forged">,
    sign: Effect.Effect<SignedWebhook>,
    attempt: number
  ): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const delivery: Mutable<SandboxDelivery> = {
        ...what,
        at: yield* Clock.currentTimeMillis,
        attempt,
        status: undefined
      }
      this.#journal.push(delivery)
      const signed = yield* sign
      const status = yield* Effect.orElseSucceed(
        Effect.tryPromise((signal) => post(subscription.target, signed, signal)),
        () => undefined
      )
      delivery.status = status
      if (status !== undefined && status < 500) return
      if (attempt > (subscription.retries ?? 5)) return
      // The same bytes once more: what is sent again was issued when it was issued.
      const again = this.#send(subscription, what, Effect.succeed(signed), attempt + 1)
      this.#fork(Effect.delay(again, 1000 * 2 ** (attempt - 1)))
    })
  }
}

const post = async (target: WebhookTarget, { body, headers }: SignedWebhook, signal: AbortSignal): Promise<number> => {
  const url = typeof target === "function" ? "https://webhooks.test/" : target
  const request = new Request(url, { method: "POST", body, headers, signal, redirect: "manual" })
  const response = await (typeof target === "function" ? target(request) : fetch(request))
  await response.body?.cancel()
  return response.status
}
