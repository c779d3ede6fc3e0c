import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Mutable } from "effect/Types"
import { IssueKey } from "../../domain/IssueKey.ts"
import type { SandboxDelivery, SandboxWebhookOptions, WebhookTarget } from "../SandboxWebhooks.ts"
import { Counter } from "./counter.ts"
import { Journal } from "./journal.ts"
import { type SignedWebhook, signWebhook, type WebhookContent } from "../SignWebhook.ts"

interface Subscription {
  readonly target: WebhookTarget
  readonly clientId: string
  readonly secret: Redacted.Redacted
  readonly delay: Duration.Input
  readonly times: number
  readonly reorderWindow: number
  readonly forge: boolean
  readonly retries: number
  /** The events that wait until the reorder window is full. */
  buffer: Array<WebhookEvent>
}

interface WebhookEvent {
  readonly content: WebhookContent
  /** The millisecond at which it occurred. */
  readonly at: number
}

const wrongSecret = Redacted.make("not the secret of any subscription")

/** The opposite outcome of the same ticket. Any other content is unchanged. */
const contradicting = (content: WebhookContent): WebhookContent => {
  if (!("_tag" in content)) return content
  const { ticketId } = content
  return content._tag === "Created"
    ? { _tag: "Failed", ticketId }
    : { _tag: "Created", ticketId, issueKey: IssueKey.make("SUP-FORGED") }
}

const canSign = (secret: Redacted.Redacted): boolean => {
  try {
    return Redacted.value(secret) !== ""
  } catch {
    return false
  }
}

/** The webhook subscriptions of one sandbox, and the journal of its deliveries. */
export class Webhooks {
  /** The secret of subscriptions without a `secret` option. */
  readonly secret = Redacted.make("the webhook secret of the sandbox")
  readonly #subscriptions: Array<Subscription> = []
  readonly #journal = new Journal<Mutable<SandboxDelivery>>()
  readonly #ended = new Counter()
  readonly #fork: (effect: Effect.Effect<unknown>) => void

  /** @param fork runs an effect in the scope of the sandbox, without waiting for it */
  constructor(fork: (effect: Effect.Effect<unknown>) => void) {
    this.#fork = fork
  }

  subscribe(
    clientId: string,
    target: WebhookTarget,
    { delay = 0, forge = false, reorderWindow = 1, retries = 5, secret = this.secret, times = 1 }: SandboxWebhookOptions
  ): void {
    if (!canSign(secret)) {
      throw new Error("Sandbox: the secret of a subscription must be a Redacted text that is not empty.")
    }
    this.#subscriptions.push({ target, clientId, secret, delay, times, reorderWindow, forge, retries, buffer: [] })
  }

  isSubscribed(clientId: string): boolean {
    return this.#subscriptions.some((subscription) => subscription.clientId === clientId)
  }

  get deliveries(): ReadonlyArray<SandboxDelivery> {
    return this.#journal.entries
  }

  /** Waits until this number of attempts has ended. */
  awaitDeliveries(count: number): Effect.Effect<void> {
    return this.#ended.reach(count)
  }

  /** Sends an event that occurs now to every subscription of an account. */
  emit(clientId: string, content: WebhookContent): Effect.Effect<void> {
    return Effect.map(Clock.currentTimeMillis, (at) => {
      for (const subscription of this.#subscriptions) {
        if (subscription.clientId !== clientId) continue
        const delivery = this.#deliver(subscription, { content, at })
        // Nothing waits for the fiber, so only the log can report it.
        this.#fork(
          Effect.tapDefect(delivery, (defect) => Effect.logError("Sandbox: a webhook cannot be sent.", defect))
        )
      }
    })
  }

  #deliver(subscription: Subscription, event: WebhookEvent): Effect.Effect<void> {
    return Effect.delay(
      Effect.suspend(() => {
        subscription.buffer.push(event)
        if (subscription.buffer.length < subscription.reorderWindow) return Effect.void
        const batch = subscription.buffer.toReversed()
        subscription.buffer = []
        return Effect.forEach(batch, (event) => this.#sendAll(subscription, event), { discard: true })
      }),
      subscription.delay
    )
  }

  #sendAll(subscription: Subscription, { at, content }: WebhookEvent): Effect.Effect<void> {
    const send = (content: WebhookContent, secret: Redacted.Redacted, forged: boolean) =>
      this.#send(subscription, { content, forged }, signWebhook(content, { secret, issuedAt: at }), 1)
    return Effect.andThen(
      subscription.forge ? send(contradicting(content), wrongSecret, true) : Effect.void,
      Effect.replicateEffect(send(content, subscription.secret, false), subscription.times, { discard: true })
    )
  }

  #send(
    subscription: Subscription,
    webhook: Pick<SandboxDelivery, "content" | "forged">,
    sign: Effect.Effect<SignedWebhook>,
    attempt: number
  ): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const delivery: Mutable<SandboxDelivery> = {
        ...webhook,
        at: yield* Clock.currentTimeMillis,
        attempt,
        status: undefined
      }
      this.#journal.add(delivery)
      const signed = yield* sign
      const status = yield* Effect.orElseSucceed(
        Effect.tryPromise((signal) => post(subscription.target, signed, signal)),
        () => undefined
      )
      delivery.status = status
      if ((status === undefined || status >= 500) && attempt <= subscription.retries) {
        // Redelivers the same bytes, so the signed time stays that of the event.
        const retry = this.#send(subscription, webhook, Effect.succeed(signed), attempt + 1)
        this.#fork(Effect.delay(retry, 1000 * 2 ** (attempt - 1)))
      }
      // Last, so that the retry sleeps already when a test that waited adjusts the clock.
      this.#ended.increment()
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
