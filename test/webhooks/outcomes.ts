import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { TicketOutcomes, TicketOutcomesLive } from "../../src/index.ts"
import { type OnSandbox, onSandbox } from "../support/harness.ts"

/** Runs a test with `TicketOutcomes` and with the whole client on a new sandbox that uses it. */
export const onSandboxWithOutcomes = <A, E>(
  test: (services: OnSandbox & { readonly outcomes: TicketOutcomes["Service"] }) => Effect.Effect<A, E, Scope.Scope>
) =>
  TicketOutcomes.use((outcomes) => onSandbox((services) => test({ ...services, outcomes }))).pipe(
    Effect.provide(TicketOutcomesLive.layer())
  )
